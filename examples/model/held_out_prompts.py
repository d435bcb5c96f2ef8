#!/usr/bin/env python3
"""Writes held_out_prompts.txt: how verses of the held-out chapters begin.

A prompt ends after the word with which it becomes one that the training text does not have, and
is at least four words long. See corpus.py for the text.
"""
import os

import corpus

HERE = os.path.dirname(os.path.abspath(__file__))
COUNT = 100
WORDS = range(4, 9)


def beginning(verse, train):
    """None if the verse is too short, or begins as the training text does for too long."""
    words = verse.split()
    for count in WORDS:
        prompt = " ".join(words[:count])
        if count + 4 <= len(words) and prompt not in train:
            return prompt
    return None


def main():
    learn, held_out = corpus.split_chapters(corpus.read_chapters())
    train = "".join(learn)
    verses = [verse for chapter in held_out for verse in chapter.splitlines()]
    prompts = dict.fromkeys(beginning(verse, train) for verse in verses if verse[0].isupper())
    prompts.pop(None, None)
    prompts = list(prompts)
    chosen = [prompts[i * len(prompts) // COUNT] for i in range(COUNT)]
    with open(os.path.join(HERE, "held_out_prompts.txt"), "w", encoding="ascii") as file:
        file.writelines(prompt + "\n" for prompt in chosen)


if __name__ == "__main__":
    main()
