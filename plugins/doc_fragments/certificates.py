# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that say what certificates there should be."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that order certificates."""

    # the list alone, for modules that order nothing
    LIST = r"""
options:
  certificates:
    description:
      - The certificates that there should be.
      - Each entry results in one certificate for each of its key types.
      - An entry that can't be used is a failure of its own, and the others go on. What the store has for it stays there untouched.
        Entries with the same name (in whatever case) can't be used, neither the one nor the other, since nobody knows which of them
        the certificate in the store is for.
      - A list that was left empty has no entries.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The name of the certificate in the store and in all results.
          - Letters, digits, dots, dashes and underscores; the default is the first of O(certificates[].domains), without C(*.).
        type: str
      domains:
        description:
          - The names that the certificate is for. International names can be given in either form; a wildcard is C(*.) before a name.
        type: list
        elements: str
        required: true
      key_types:
        description:
          - The types of keys; there will be one certificate for each.
          - Any of V(rsa-2048), V(rsa-3072), V(rsa-4096), V(ecdsa-p256) and V(ecdsa-p384).
        type: list
        elements: str
        default: [rsa-2048, ecdsa-p256]
      challenge:
        description: The type of challenge.
        type: str
        default: dns-01
        choices: [dns-01, http-01, tls-alpn-01]
      challenge_hosts:
        description:
          - Hosts and groups of the inventory whose web servers have to have the answers to V(http-01), such as C([frontends]).
            All of them have to be in the group C(frontends) or C(validation_hosts).
            M(certfleet.acme.certificates) puts them there one host after the other, and takes them away.
          - Without it they are on the host of the task, to which web servers redirect challenges.
        type: list
        elements: str
      challenge_addresses:
        description:
          - Addresses that M(certfleet.acme.certificates) asks for the answers to V(http-01), for all names.
          - Without it, it asks those that the host's resolver has for each name.
        type: list
        elements: str
      profile:
        description:
          - The certificate profile to ask for, or a list of acceptable profiles, of which the first that the CA offers is used.
            M(certfleet.acme.directory_info) lists what it offers. The CA chooses when it is left out.
          - With a list, the end of a profile at the CA stops no renewal. A certificate with any profile of the list is as it should be.
        type: list
        elements: str
      preferred_chain:
        description: The common name of an issuer that must be in the chain, for a CA that offers several. The CA's default chain otherwise.
        type: str
      admin:
        description:
          - Mail addresses of those in charge of this certificate. M(certfleet.acme.report) tells them about it, in place of those who are told of the others.
        type: list
        elements: str
      key:
        description:
          - Where the private key is. With V(store), in the store of the validation host, and frontends get it with the certificate, sealed.
          - With V(frontend), each of O(certificates[].frontends) makes a key of its own, which never leaves it, and M(certfleet.acme.certificates)
            orders a certificate for each with its CSR. In the store and in results it is C(name@host), on the frontend C(name).
            CAs limit how many there may be for the same names in a week, so the first ones of many frontends take several weeks.
        type: str
        default: store
        choices: [store, frontend]
      frontends:
        description:
          - The hosts and groups of the inventory that get the certificate. No other frontend gets it, whatever it asks for.
          - Without it, M(certfleet.acme.certificate_fetch) gives the certificate to the frontends whose C(certfleet_frontend_certificates)
            names it or is V(all). An empty list is nobody.
          - With O(certificates[].key=frontend) it is required. Only hosts can be named there when the list is in a file.
          - All of them have to be in the group C(frontends) or C(validation_hosts).
        type: list
        elements: str
      reuse_key:
        description: For O(certificates[].key=frontend), whether a frontend keeps its key when the certificate is renewed. Each one has a new key otherwise.
        type: bool
        default: false
      apply:
        description: The same as O(apply), for this certificate.
        type: str
        choices: [next_renewal, now]
      problem:
        description: Why the entry can't be used. Set by the task itself where the inventory has not the hosts that an entry names.
        type: str
  certificates_file:
    description:
      - A JSON file on the validation host that holds the list, in the same form as O(certificates).
      - For thousands of certificates this is much faster than a list in the play, which Ansible would have to template.
    type: path
  max_names:
    description:
      - How many names a certificate may have. The default is 100, and 25 for Let's Encrypt's profiles V(tlsserver) and V(shortlived).
      - Let's Encrypt's limits hold for its own directories and for CAs that offer profiles by all of its names.
    type: int
  apply:
    description:
      - When a changed profile, preferred chain or list of key types takes effect.
      - With V(next_renewal), when the certificate is renewed anyway. A key type that is added to a site comes with the next renewal of the certificates
        that the site has already, and is V(deferred) until then.
      - With V(now), at once. For a big fleet this means as many orders as certificates, within the limits on orders.
      - A site without a certificate, changed names and another CA never wait, nor do certificates that have expired or were revoked.
    type: str
    default: next_renewal
    choices: [next_renewal, now]
"""

    DOCUMENTATION = r"""
options:
  concurrency:
    description: How many requests to the CA are under way at once.
    type: int
    default: 16
  patience:
    description:
      - How many seconds the CA has to validate the names of a run, and as many again to issue its certificates.
      - As many are spent in a task on requests that come too fast for the CA, which are sent again.
    type: int
    default: 120
  max_orders:
    description:
      - How many orders are made in any three hours, by all tasks together that use this store and account.
      - The default is what Let's Encrypt allows. Orders that are pending already go on beyond it.
      - Renewals inside the window that the CA suggests (RFC 9773) count against none of these limits, as at Let's Encrypt.
    type: int
    default: 300
  max_orders_per_names:
    description:
      - How many orders are made in any seven days for exactly the same set of names, RSA and ECDSA counted together.
      - Orders that the CA calls invalid don't count. An order of a killed task counts if the CA may have made it.
      - At Let's Encrypt the default is the 5 that it allows. At other CAs nothing is counted unless it is given, since certificates of hours,
        as internal CAs issue them, are renewed more often.
    type: int
  max_orders_per_domain:
    description:
      - How many sets of names that the CA has not issued for before are ordered in any seven days, for each registered domain
        (V(example.com), V(example.co.uk), by the public suffix list).
      - At Let's Encrypt the default is the 50 that it allows. At other CAs nothing is counted unless it is given.
    type: int
  retry:
    description:
      - What to try now although it has failed before, as names of certificates, as domains, or V(all).
      - Their failures are forgotten. Limits on orders and what the CA has asked for hold all the same, and what is not due is left alone.
    type: list
    elements: str
    default: []
  strict:
    description:
      - Whether an entry of the list that can't be used has the whole list refused, before anything is done.
      - Otherwise it is a failure of that entry alone.
    type: bool
    default: false
"""
