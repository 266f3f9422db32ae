"""The dialog that sends prompts to a box, and the batch that its options describe."""
