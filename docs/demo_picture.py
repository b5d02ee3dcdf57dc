"""Draws what the demo printed as docs/demo.svg: ./dev demo | tee build/demo.log; python3 docs/demo_picture.py < build/demo.log"""
import html
import re
import sys

lines = sys.stdin.read().split("\n")
start = next(i for i, line in enumerate(lines) if line.startswith("Leave one out"))
people = [i for i, line in enumerate(lines) if line.startswith("Person ")]
shown = ["$ ./dev demo", ""] + lines[start:people[0]] + lines[people[1]:people[2]]
while not shown[-1]:
    shown.pop()

size, leading, margin = 13, 18, 16
width, height = margin * 2 + int(114 * size * 0.602), margin * 2 + leading * len(shown)
colours = [(r"^(\$|Person|Leave)", "#7ee787"), (r"^model ", "#79c0ff"), (r"^(sequence|hybrid)", "#ffffff"), (r"^  \w", "#79c0ff")]
print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-size="{size}"'
      ' font-family="ui-monospace, Menlo, Consolas, \'DejaVu Sans Mono\', monospace">')
print(f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>')
for i, line in enumerate(shown):
    colour = next((c for pattern, c in colours if re.search(pattern, line)), "#c9d1d9")
    print(f'<text x="{margin}" y="{margin + leading * (i + 0.75):.0f}" fill="{colour}" xml:space="preserve">'
          f'{html.escape(line)}</text>')
print("</svg>")
