"""The first rows of a CSV as a worksheet, the way a Python script would: XlsxWriter in constant memory."""
import csv
import datetime
import sys

import xlsxwriter

source, target, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
workbook = xlsxwriter.Workbook(target, {"constant_memory": True})
sheet = workbook.add_worksheet("Repositories")
time = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
with open(source, newline="", encoding="utf-8") as file:
    rows = csv.reader(file)
    header = next(rows)
    times = {header.index(name) for name in ("last_scanned_at", "created_at")}
    numbers = {header.index("coverage_rows")}
    for column, title in enumerate(header):
        sheet.write_string(0, column, title)
    for at, row in enumerate(rows, 1):
        if at > limit:
            break
        for column, value in enumerate(row):
            if value == "":
                continue
            if column in times:
                sheet.write_datetime(at, column, datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ"), time)
            elif column in numbers:
                sheet.write_number(at, column, int(value))
            else:
                sheet.write_string(at, column, value)
workbook.close()
