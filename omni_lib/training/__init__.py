"""What a step and an epoch are made of: data, batches, augmentation, loss, optimiser, memory, checkpoints."""
