"""A checkpoint of the real XTTS architecture, tiny and with random weights: its voice babbles."""

import json
from pathlib import Path

LANGUAGES = (
    "en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi",
)  # fmt: skip
LETTERS = "abcdefghijklmnopqrstuvwxyzáàâãäéèêëíîïóôõöúüûçñß0123456789.,;:!?'-()¿¡"


def write_checkpoint(
    folder: Path, *, longest: int = 60, seed: int = 0, speakers: tuple[str, ...] = ("Ana",)
) -> Path:
    """Write `config.json`, `vocab.json`, `model.pth` and `speakers_xtts.pth`; `longest`: in codes."""
    from sts_actors.engines.xtts.torchaudio_parts import import_torchaudio

    import_torchaudio()
    import torch
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts, XttsArgs

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary()), encoding="utf-8")
    args = XttsArgs(
        gpt_layers=2,
        gpt_n_model_channels=64,
        gpt_n_heads=2,
        gpt_max_audio_tokens=longest,
        gpt_num_audio_tokens=1026,
        gpt_start_audio_token=1024,
        gpt_stop_audio_token=1025,
        gpt_use_perceiver_resampler=True,
        decoder_input_dim=64,
        gpt_number_text_tokens=len(vocabulary()["model"]["vocab"]),
        gpt_start_text_token=0,
        gpt_stop_text_token=1,
    )
    config = XttsConfig(model_args=args, gpt_cond_len=6, gpt_cond_chunk_len=3, max_ref_len=10)
    config.save_json(str(folder / "config.json"))
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Xtts(config)
        with torch.no_grad():
            # Louder weights than at a training's start: else every text gives one and the same code.
            for parameter in model.gpt.parameters():
                parameter.add_(0.15 * torch.randn(parameter.shape, generator=generator))
            # As likely as some other codes: items then end at different lengths.
            model.gpt.mel_head.bias[1025] += 4.0
        torch.save({"model": model.state_dict()}, folder / "model.pth")
        voices = {
            name: {
                "gpt_cond_latent": torch.randn(1, 32, 64, generator=generator),
                "speaker_embedding": torch.nn.functional.normalize(
                    torch.randn(1, 512, 1, generator=generator), dim=1
                ),
            }
            for name in speakers
        }
    if speakers:
        torch.save(voices, folder / "speakers_xtts.pth")
    return folder


def vocabulary() -> dict[str, object]:
    """A tokenizer that knows letters and the languages' marks."""
    special = ["[START]", "[STOP]", "[UNK]", "[SPACE]", *(f"[{language}]" for language in LANGUAGES)]
    tokens = [*special, *dict.fromkeys(LETTERS)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": number,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for number, token in enumerate(special)
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "[UNK]",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": [],
        },
    }
