# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a TSIG key, its rights and a zone into PowerDNS's SQLite database, or take the key and its rights away.

What is wanted comes as JSON on standard input, for arguments can be seen by all users of a host. It prints "changed" when
something was not so before. Standard library only, for the system's own Python.
"""

import contextlib
import json
import sqlite3
import sys

# the script of the role decides who may update what; this is what PowerDNS itself would ask for without it
RIGHT = "TSIG-ALLOW-DNSUPDATE"


def main():
    """Do it, in one transaction, which a check takes back."""
    wanted = json.load(sys.stdin)
    database = sqlite3.connect(wanted["database"], timeout=30, isolation_level=None)
    with contextlib.closing(database):
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("BEGIN IMMEDIATE")
        before = picture(database)
        if wanted["state"] == "present":
            bring_key(database, wanted["key"])
            if wanted["own_zone"]:
                bring_zone(database, wanted)
            for zone in wanted["zones"] + [name for name in [wanted["own_zone"]] if name]:
                bring_rights(database, zone, wanted)
        else:
            take_away(database, wanted)
        changed = picture(database) != before
        database.execute("ROLLBACK" if wanted["check"] else "COMMIT")
    print("changed" if changed else "as it was")


def picture(database):
    """All that this program may change."""
    questions = ("SELECT * FROM tsigkeys", "SELECT * FROM domains", "SELECT * FROM domainmetadata")
    return [sorted(map(repr, database.execute(question))) for question in questions]


def bring_key(database, key):
    """Have exactly this key under its name."""
    row = (key["name"].lower(), key["algorithm"], key["secret"])
    if database.execute("SELECT name, algorithm, secret FROM tsigkeys WHERE name = ?", row[:1]).fetchall() != [row]:
        database.execute("DELETE FROM tsigkeys WHERE name = ?", row[:1])
        database.execute("INSERT INTO tsigkeys (name, algorithm, secret) VALUES (?, ?, ?)", row)


def bring_zone(database, wanted):
    """Make the validation zone, once: its records are the name server's from then on."""
    zone = wanted["own_zone"]
    if number_of(database, zone) is not None:
        return
    number = database.execute("INSERT INTO domains (name, type) VALUES (?, 'NATIVE')", (zone,)).lastrowid
    first = wanted["name_servers"][0]
    soa = "{} {} 1 3600 600 1209600 60".format(first, wanted["hostmaster"].rstrip("."))
    rows = [(zone, "SOA", soa)] + [(zone, "NS", name) for name in wanted["name_servers"]]
    database.executemany(
        "INSERT INTO records (domain_id, name, type, content, ttl, auth) VALUES (?, ?, ?, ?, 300, 1)",
        [(number, *row) for row in rows],
    )


def bring_rights(database, zone, wanted):
    """Let the key, and no other of ours, update the zone."""
    number = number_of(database, zone)
    if number is None:
        sys.exit("PowerDNS has no zone " + zone)
    row = (number, RIGHT, wanted["key"]["name"].lower())
    question = "SELECT count(*) FROM domainmetadata WHERE domain_id = ? AND kind = ? AND content = ?"
    if not database.execute(question, row).fetchone()[0]:
        database.execute("INSERT INTO domainmetadata (domain_id, kind, content) VALUES (?, ?, ?)", row)


def take_away(database, wanted):
    """Take away the key and its rights in all zones."""
    name = wanted["key"]["name"].lower()
    database.execute("DELETE FROM tsigkeys WHERE name = ?", (name,))
    database.execute("DELETE FROM domainmetadata WHERE kind = ? AND content = ?", (RIGHT, name))


def number_of(database, zone):
    """The number of a zone, or None."""
    row = database.execute("SELECT id FROM domains WHERE name = ?", (zone,)).fetchone()
    return row and row[0]


if __name__ == "__main__":
    main()
