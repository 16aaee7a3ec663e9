"""Says what a text without a readable table is instead, and which one command's output is needed."""

from __future__ import annotations

import re

_QUOTED = r"^[ \t>#]*"
_NFT_TABLE = re.compile(_QUOTED + r"table (?:(ip6?|inet|arp|bridge|netdev) )?(\S+) \{", re.MULTILINE)
_NFT_JSON = re.compile(r'[\[{]\s*(?:\{\s*)?"(?:nftables|metainfo|table|chain|rule)"\s*:\s*[\[{]')
_JSON_OF_IPV6 = re.compile(r'"family"\s*:\s*"ip6"')
_LISTED_CHAIN = re.compile(_QUOTED + r"Chain \S+ \((?:policy [A-Z]+|\d+ references)", re.MULTILINE)
_SPECIFIED_CHAIN = re.compile(_QUOTED + r"-(?:P [A-Z]+ [A-Z]+|N \S+)", re.MULTILINE)
_RULE_OR_CHAIN = re.compile(_QUOTED + r"(?:\[\d+:\d+\] -A \S+ |-A \S+ |:cali-\S+ - \[)", re.MULTILINE)
_OTHER_TABLE = re.compile(_QUOTED + r"\*(nat|mangle|raw|security)[ \t]*$", re.MULTILINE)
_REFUSED = re.compile(r"Permission denied \(you must be root\)|Operation not permitted \(you must be root\)")
_EXPORT = re.compile(
    r'^(?:apiVersion:|kind:|- apiVersion:|/calico/resources/)|"apiVersion"\s*:', re.MULTILINE
)  # of the datastore

_NFT, _NFT6 = "nft -j list table ip calico", "nft -j list table ip6 calico"
_SAVE = "iptables-save -c"


def described(text: str) -> str:
    """The end of a sentence that begins with the file's name."""
    for description in (_nft_text, _nft_json, _iptables, _others):
        if told := description(text):
            return told
    return f"holds neither a filter table nor a table calico: save it with `{_SAVE}` or `{_NFT}`"


def _nft_text(text: str) -> str:
    tables = [(found[1] or "ip", found[2]) for found in _NFT_TABLE.finditer(text)]
    if not tables:
        return ""
    what = "is the text of `nft list`, whose spelling changes with its version"
    if ("ip", "calico") in tables or ("ip6", "calico") in tables:
        return f"{what}: save `{_NFT if ('ip', 'calico') in tables else _NFT6}` instead"
    program = "iptables" if ("ip", "filter") in tables or ("ip6", "filter") not in tables else "ip6tables"
    return f"{what}, and has no table calico: save `{program}-save -c` instead"


def _nft_json(text: str) -> str:
    if not _NFT_JSON.search(text):
        return ""
    if "cali-" not in text:
        return f"is a list of nft without a table calico: save `{_NFT}` instead, or `{_SAVE}` where iptables is used"
    program = "iptables" if '"ip"' in text or not _JSON_OF_IPV6.search(text) else "ip6tables"
    return f"is a list of nft with the rules of iptables, which iptables prints: save `{program}-save -c` instead"


def _iptables(text: str) -> str:
    if _LISTED_CHAIN.search(text):
        return f"is a listing of `iptables -L`, which leaves out and rounds: save `{_SAVE}` instead"
    if _SPECIFIED_CHAIN.search(text):
        return f"is the output of `iptables -S`, without what the rules counted: save `{_SAVE}` instead"
    if other := _OTHER_TABLE.findall(text):
        return (
            f"holds table {', '.join(dict.fromkeys(other))}, but no table filter: save the whole of `{_SAVE}` instead"
        )
    if _RULE_OR_CHAIN.search(text):
        return f"is a part of the output of iptables-save, as `grep` cuts it out: save the whole of `{_SAVE}` instead"
    return ""


def _others(text: str) -> str:
    if not text or text.isspace():
        return f"is empty: save `{_SAVE}` as root"
    if _REFUSED.search(text):
        return f"holds no rules but an error: run `{_SAVE}` as root"
    if _EXPORT.search(text):
        return f"looks like an export of the datastore: give it as --datastore-file, and `{_SAVE}` as --ruleset"
    return ""
