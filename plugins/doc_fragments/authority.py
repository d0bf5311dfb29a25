# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that say which CA to talk to and as whom."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that talk to a CA."""

    # for modules that need no account
    CA = r"""
notes:
  - Proxies are taken from the environment variables E(HTTPS_PROXY) and E(NO_PROXY) of the validation host.
options:
  directory:
    description:
      - The URL of the CA's directory (RFC 8555 section 7.1.1). It must begin with C(https://).
    type: str
    required: true
  ca_bundle:
    description:
      - A file on the validation host with the certificates (PEM) that the CA's own server is checked against.
        It takes the place of the public roots, and is needed for a private CA only.
      - Without it the environment variables E(REQUESTS_CA_BUNDLE) and E(CURL_CA_BUNDLE) count, then the public roots.
    type: path
  request_timeout:
    description:
      - How many seconds a request to the CA may take as a whole, from connecting to the last byte of the answer.
        One that the CA wants to have again, or whose connection broke, is not sent any more after as much time.
    type: float
    default: 30.0
"""

    # beside CA, for modules that act for an account
    DOCUMENTATION = r"""
options:
  account:
    description:
      - The name of the account in the store. One account is enough for most fleets.
      - Accounts of the same name at different CAs are different accounts.
    type: str
    default: default
"""

    # for modules that work on the store, with or without a CA
    STORE = r"""
notes:
  - Where O(store) is a folder that belongs to another user, a task of root first becomes that user, for all it does.
    So the files stay that user's, and other files that the task is to read must be readable for that user, too.
options:
  store:
    description: The folder of the store on the validation host, which holds accounts, certificates and their keys.
    type: path
    default: /var/lib/certfleet
"""

    # for modules that keep others from the store while they work on it
    LOCK = r"""
options:
  lock_wait:
    description:
      - Only one task at a time works on a store. This says how many seconds to wait for another one to end.
      - With V(0) the task fails at once when another one is at work, and says which process it is.
    type: int
    default: 0
"""
