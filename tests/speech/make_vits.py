"""Make a random VITS, tiny or of full size: `python make_vits.py FOLDER [--full]`, in Coqui's own
environment. It speaks noise, but all of the real loading and speaking is done with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import ivr.speech.synthesis.coqui as engine

TINY = {
    "hidden_channels": 16,
    "hidden_channels_ffn_text_encoder": 16,
    "num_heads_text_encoder": 2,
    "num_layers_text_encoder": 1,
    "num_layers_posterior_encoder": 2,
    "num_layers_flow": 1,
    "resblock_kernel_sizes_decoder": [3],
    "resblock_dilation_sizes_decoder": [[1, 3, 5]],
    "upsample_initial_channel_decoder": 32,
}


def main(folder: Path, *, full: bool) -> None:
    engine._import()
    import torch  # noqa: PLC0415
    from TTS.tts.configs.shared_configs import BaseDatasetConfig  # noqa: PLC0415
    from TTS.tts.configs.vits_config import VitsConfig  # noqa: PLC0415
    from TTS.tts.models.vits import Vits, VitsArgs  # noqa: PLC0415

    # Random weights speak faster than people do, who say some 15 letters a second.
    args = VitsArgs(
        **({} if full else TINY),
        init_discriminator=False,
        use_sdp=full,
        length_scale=2 if full else 3,
    )
    config = VitsConfig(
        model_args=args,
        use_phonemes=False,
        text_cleaner="basic_cleaners",
        datasets=[BaseDatasetConfig(language="en")],
    )
    torch.manual_seed(1)
    model = Vits.init_from_config(config)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"model": model.state_dict()}, folder / "model.pth")
    config.save_json(folder / "config.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]), full="--full" in sys.argv)
