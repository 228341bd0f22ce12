"""Skeleton encoders, one module each: `Backbone`."""
