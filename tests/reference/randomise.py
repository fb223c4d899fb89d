"""Random weights for the tiny checkpoints of parity.py and parity_media.py."""
import torch


def randomise(model, seed):
    """Numbers that matter everywhere, in norms, too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        # Limits of linear layers, and the scales at the end of layers, are buffers.
        for name, buffer in model.named_buffers():
            if name.endswith(("input_min", "output_min")):
                buffer.fill_(-2.0 - torch.rand((), generator=generator))
            elif name.endswith(("input_max", "output_max")):
                buffer.fill_(2.0 + torch.rand((), generator=generator))
            elif name.endswith("layer_scalar"):
                buffer.fill_(0.8 + 0.4 * torch.rand((), generator=generator))
            elif name.endswith(("std_bias", "std_scale")):
                buffer.copy_(1 + 0.3 * torch.randn(buffer.shape, generator=generator))
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                parameter.add_(0.1 * noise)
            else:
                parameter.copy_(noise * 1.2 / parameter.shape[-1] ** 0.5)
