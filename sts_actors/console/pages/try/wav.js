// Samples as a WAV file.

const HEADER_BYTES = 44;

/** A mono 16-bit WAV file of the pieces, one after the other. */
export function wavFile(pieces, rate_hz) {
  const bytes = 2 * pieces.reduce((sum, piece) => sum + piece.length, 0);
  const view = new DataView(new ArrayBuffer(HEADER_BYTES + bytes));
  const letters = (at, text) => [...text].forEach((letter, n) => view.setUint8(at + n, letter.charCodeAt(0)));
  letters(0, "RIFF");
  view.setUint32(4, HEADER_BYTES - 8 + bytes, true);
  letters(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // the length of what follows up to "data"
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rate_hz, true);
  view.setUint32(28, rate_hz * 2, true); // bytes a second
  view.setUint16(32, 2, true); // bytes a frame
  view.setUint16(34, 16, true); // bits a sample
  letters(36, "data");
  view.setUint32(40, bytes, true);
  let at = HEADER_BYTES;
  for (const piece of pieces) {
    for (const value of piece) {
      view.setInt16(at, value, true);
      at += 2;
    }
  }
  return new Blob([view], { type: "audio/wav" });
}
