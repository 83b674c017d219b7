"""What a step and an epoch are made of: batches, augmentation, loss, optimiser, memory, checkpoints."""
