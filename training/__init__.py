"""How the shipped networks came about: data, training, export, evaluation. Not part of the installed package."""
