"""The line: session → asr → translation → tts → sequencer, one actor a file, opened by `stream`."""
