"""Microcontrollers: TFLite Micro, which runs models there, C sources for it, and Arm's compiler for Ethos-U NPUs."""
