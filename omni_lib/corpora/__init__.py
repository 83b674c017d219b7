"""Where speech comes from: the synthesiser, published corpora, and folders of your own."""
