"""XTTS at its real size, with random weights, which cost what real ones do: batches against single sentences.

    just bench-xtts                          # on this machine's CPU
    just bench-xtts --device cuda --compute-type float16 --batches 1 2 4 8 16 32

Each sentence is decoded to the same number of codes, so that a batch's work is known. Figures are ratios
within one run: seconds of speech a second, and how much quicker a batch is than its sentences one by one.
"""

import argparse
import statistics
import time
import warnings

from sts_actors.engines.xtts.checkpoint import lower_precision
from sts_actors.engines.xtts.decoding import Decoding, Item
from sts_actors.engines.xtts.sampling import Sampling
from sts_actors.engines.xtts.torchaudio_parts import import_torchaudio
from sts_actors.engines.xtts.vocoder import vocode

CODES_PER_S = 22_050 / 1024
TOKENS = 60
"""Of a sentence that takes some six seconds."""


def build(device, compute_type):
    import torch
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts, XttsArgs

    args = XttsArgs(
        gpt_number_text_tokens=6681,
        gpt_start_text_token=261,
        gpt_stop_text_token=0,
        gpt_num_audio_tokens=1026,
        gpt_start_audio_token=1024,
        gpt_stop_audio_token=1025,
        gpt_use_perceiver_resampler=True,
    )
    model = Xtts(XttsConfig(model_args=args))
    model.gpt.init_gpt_for_inference()
    model.gpt.eval()
    model.hifigan_decoder.eval()
    # No sentence ends before its time.
    with torch.no_grad():
        model.gpt.mel_head.bias[args.gpt_stop_audio_token] = -1e4
    model = model.to(device)
    lower_precision(model.gpt, getattr(torch, compute_type))
    return model


class Bench:
    def __init__(self, model, device, codes, greedy):
        import torch

        self._torch, self._model, self._device, self._codes = torch, model, device, codes
        self._sampling = Sampling(greedy=greedy, repetition_penalty=5.0)
        generator = torch.Generator().manual_seed(0)
        channels = model.gpt.mel_embedding.weight.shape[1]
        dtype = model.gpt.mel_embedding.weight.dtype
        self._prompts = [
            (0.1 * torch.randn(32 + TOKENS + number % 7, channels, generator=generator)).to(device, dtype)
            for number in range(64)
        ]
        self._speaker = torch.nn.functional.normalize(torch.randn(1, 512, 1, generator=generator), dim=1)
        self._speaker = self._speaker.to(device)

    def wait(self):
        if self._device != "cpu":
            self._torch.cuda.synchronize()

    def speak(self, batch):
        """Seconds for decoding, and for the vocoder after it."""
        self.wait()
        started = time.perf_counter()
        items = [Item(prompt, seed=number) for number, prompt in enumerate(self._prompts[:batch])]
        decoding = Decoding(self._model.gpt, self._sampling, most=batch)
        decoding.join(items)
        for _ in range(self._codes):
            decoding.step()
        self.wait()
        decoded = time.perf_counter()
        for item in items:
            vocode(self._model, item.latents[: self._codes], self._speaker, 1.0)
        self.wait()
        return decoded - started, time.perf_counter() - decoded


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compute-type", default="float32", choices=["float32", "float16", "bfloat16"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=6.0, help="of speech in a sentence")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--greedy", action="store_true", help="rather than at random, as in production")
    its = parser.parse_args()
    warnings.simplefilter("ignore")
    import_torchaudio()
    import torch

    model = build(its.device, its.compute_type)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    codes = round(its.seconds * CODES_PER_S)
    name = torch.cuda.get_device_name(its.device) if its.device != "cpu" else "CPU"
    print(f"XTTS, {parameters / 1e6:.0f} million random weights, decoder in {its.compute_type}, {name}")
    print(f"sentences of {codes} codes ({its.seconds:g} s); medians of {its.rounds} rounds in turn")
    bench = Bench(model, its.device, codes, its.greedy)
    bench.speak(1)
    taken = {batch: [] for batch in its.batches}
    if its.device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    for _ in range(its.rounds):
        for batch in its.batches:
            taken[batch].append(bench.speak(batch))
    single = statistics.median(sum(pair) for pair in taken[its.batches[0]]) / its.batches[0]
    print("| batch | decode s | vocoder s | speech s per s | against single |")
    print("|---|---|---|---|---|")
    for batch, pairs in taken.items():
        decode, sound = (statistics.median(column) for column in zip(*pairs, strict=True))
        whole = statistics.median(sum(pair) for pair in pairs)
        speech = batch * its.seconds / whole
        print(f"| {batch} | {decode:.2f} | {sound:.2f} | {speech:.2f} | x {single * batch / whole:.2f} |")
    if its.device != "cpu":
        print(f"most device memory: {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
