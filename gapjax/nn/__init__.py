"""Network layers, graphs and losses that several methods and backbones share."""
