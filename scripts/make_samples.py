#!/usr/bin/env python3
"""Makes the PDF files of assets/samples/documents from their Markdown source.

Only needed when the source changes; the results are part of the repository.
Needs the Python packages reportlab 4.4 and pillow.

    python3 scripts/make_samples.py
"""

import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont
from reportlab.lib import colors
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "samples" / "documents"
SOURCE = FOLDER / "weather-station.md"

# A page of notes that exists as a picture only, so that its words must be read with OCR.
SCAN = [
    "LARKFIELD WEATHER STATION",
    "Notes for the substitute observer",
    "",
    "The key of the screen hangs behind the",
    "blue door of the tool shed.",
    "",
    "The spare rain glass is on the second",
    "shelf, in the box marked 1994.",
    "",
    "Call the library on Thursdays only,",
    "between two and four o'clock.",
]


def number_pages(canvas, document):
    canvas.setFont("Helvetica", 8)
    canvas.drawCentredString(A5[0] / 2, 9 * mm, str(document.page))


def handbook():
    """Headings, paragraphs and one table; every second chapter begins a page."""
    styles = getSampleStyleSheet()
    cell = styles["BodyText"].clone("cell", fontSize=8.5, leading=10.5)
    story, chapter = [], 0
    for block in SOURCE.read_text(encoding="utf-8").split("\n\n"):
        block = block.strip()
        if block.startswith("# "):
            story += [Paragraph(block[2:], styles["Title"]), Spacer(1, 4 * mm)]
        elif block.startswith("## "):
            if chapter:
                story.append(PageBreak())
            chapter += 1
            story.append(Paragraph(block[3:], styles["Heading2"]))
        elif block.startswith("|"):
            rows = [[c.strip() for c in line.strip("|").split("|")] for line in block.splitlines()]
            rows = [[Paragraph(c, cell) for c in row] for i, row in enumerate(rows) if i != 1]
            table = Table(rows, colWidths=[46 * mm, 34 * mm, 34 * mm])
            table.setStyle(TableStyle([
                ("GRID", (0, 0), (-1, -1), 0.4, colors.grey),
                ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]))
            story += [table, Spacer(1, 3 * mm)]
        else:
            story.append(Paragraph(block.replace("\n", " "), styles["BodyText"]))
    document = SimpleDocTemplate(
        str(FOLDER / "weather-station.pdf"), pagesize=A5, title="Keeping a Small Weather Station",
        author="The Medley contributors", leftMargin=16 * mm, rightMargin=16 * mm,
        topMargin=15 * mm, bottomMargin=17 * mm, invariant=1,
    )
    document.build(story, onFirstPage=number_pages, onLaterPages=number_pages)


def scan():
    """One page that was printed, put on a scanner a little askew, and saved as a picture."""
    random.seed(7)
    page = Image.new("L", (1240, 1754), 250)
    draw = ImageDraw.Draw(page)
    for i, line in enumerate(SCAN):
        draw.text((130, 220 + 82 * i), line, fill=35, font=ImageFont.load_default(size=46))
    page = page.rotate(0.6, resample=Image.BICUBIC, fillcolor=250).filter(ImageFilter.GaussianBlur(0.8))
    for _ in range(900):
        page.putpixel((random.randrange(page.width), random.randrange(page.height)), random.randrange(160, 230))
    canvas = Canvas(str(FOLDER / "scanned-notes.pdf"), pagesize=A5, invariant=1)
    canvas.setTitle("Notes for the substitute observer")
    picture = FOLDER / "scan.jpg"
    page.save(picture, quality=60)
    canvas.drawImage(str(picture), 0, 0, *A5)
    canvas.save()
    picture.unlink()


if __name__ == "__main__":
    handbook()
    scan()
