"""The training engine: data on the device, stacked replicates, one visible loop, scores."""
