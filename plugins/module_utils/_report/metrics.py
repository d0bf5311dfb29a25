# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics for the textfile collector of Prometheus' node exporter."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from .survey import STATES, Survey

LABELS = ("name", "key_type")
TIME = "certfleet_report_timestamp_seconds"


def render_metrics(survey: Survey) -> bytes:
    """The exposition format, in which all times are seconds since 1970."""
    registry = CollectorRegistry()

    def gauge(name: str, text: str, labels: tuple[str, ...] = LABELS) -> Gauge:
        return Gauge(f"certfleet_{name}", text, labels, registry=registry)

    not_after = gauge("certificate_not_after_seconds", "When the certificate expires.")
    renew_at = gauge("certificate_renew_at_seconds", "From when on the certificate is due for renewal.")
    next_attempt = gauge("certificate_next_attempt_seconds", "From when on it is tried again.")
    failures = gauge("certificate_failures", "Attempts in a row that have failed.")
    state = gauge("certificate_state", "1 for the state that the certificate is in.", (*LABELS, "state"))
    for row in survey.rows:
        labels = (row.name, row.key_type)
        for metric, instant in ((not_after, row.not_after), (renew_at, row.renew_at), (next_attempt, row.next_attempt)):
            if instant:
                metric.labels(*labels).set(instant.timestamp())
        failures.labels(*labels).set(row.failures)
        state.labels(*labels, row.state(survey.now)).set(1)
    certificates = gauge("certificates", "Certificates in each state.", ("state",))
    for each in STATES:
        certificates.labels(each).set(survey.counts[each])
    gauge("report_timestamp_seconds", "When these metrics were written.", ()).set(survey.now.timestamp())
    return bytes(generate_latest(registry))
