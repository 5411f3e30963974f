"""autrainer beside torch for the CPU: torchvision's wheel is imported without its own operators, made for CUDA."""

import torch.library

register_fake = torch.library.register_fake


def without_torchvision(name, *arguments, **options):
    """As torch's, but for the operators that torchvision's library could not define."""
    if str(name).startswith("torchvision::"):
        return lambda function: function
    return register_fake(name, *arguments, **options)


torch.library.register_fake = without_torchvision
