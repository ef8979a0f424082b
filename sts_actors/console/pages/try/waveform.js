// The picture of a dub: the original above the middle, the dub below it, what has been heard in full colour.

const STEP_PX = 4;
const BAR_PX = 2.5;
const LEAST_PX = 1;

/** A whisper is not drawn as high as a shout, but may be seen. */
const QUIETEST = 0.15;

/** Draw `source` and `dub` (`Peaks`), `length_s` wide, heard up to `heard_s`, each in the colour of its name. */
export function drawWaveform(canvas, names, { source, dub, length_s, heard_s }) {
  const { width, height } = resized(canvas);
  const brush = canvas.getContext("2d");
  const colour = (element) => getComputedStyle(element).color;
  const [source_colour, dub_colour] = [colour(names.source), colour(names.dub)];
  const reach = height / 2 - 3;
  const tall = (peaks, from, to) =>
    Math.max(LEAST_PX, Math.sqrt(peaks.loudest(from, to) / Math.max(QUIETEST, peaks.most)) * reach);
  brush.clearRect(0, 0, width, height);
  if (!length_s) return;
  const middle = height / 2;
  const heard_px = (heard_s / length_s) * width;
  for (let x = 0; x < width; x += STEP_PX) {
    const [from, to] = [(x / width) * length_s, ((x + STEP_PX) / width) * length_s];
    const heard = x < heard_px;
    if (from < source.seconds) {
      const up = tall(source, from, to);
      bar(x, middle - 1.5 - up, up, source_colour, heard);
    }
    if (from < dub.seconds) {
      bar(x, middle + 1.5, tall(dub, from, to), dub_colour, heard);
    }
  }
  brush.globalAlpha = 1;
  brush.fillStyle = colour(canvas);
  if (heard_s > 0) brush.fillRect(Math.min(heard_px, width - 1.5), 0, 1.5, height);

  function bar(x, y, length, fill, heard) {
    brush.globalAlpha = heard ? 1 : 0.42;
    brush.fillStyle = fill;
    brush.beginPath();
    brush.roundRect(x, y, BAR_PX, length, BAR_PX / 2);
    brush.fill();
  }
}

/** Fit the canvas's pixels to its place on the screen. */
function resized(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
  return { width, height };
}
