"""Text encoders, one module each (`gapjax.text.encoder.TextEncoderModule`)."""
