"""The tests' own Felix: from the description of a node to the tables that a Felix of any era writes.

    pod = Endpoint("cali0d7763386da", ingress=(policy,), profiles=kubernetes_profiles("default"))
    node = Node(Era.E, endpoints=(pod,))
    ruleset = render(node, IPVersion.V4)  # table filter; `raw` and `mangle` for those of host endpoints
    ruleset.restore()  # text for `iptables-restore --noflush`
    ruleset.dump({rule_hash: (7, 420)})  # what `iptables-save -c` prints with these counters
    update(ruleset, render(changed, IPVersion.V4), "legacy")  # what Felix writes when something changes
    Kernel(ruleset).send(Packet("cali0d7763386da", Direction.INGRESS, 80))  # counts it (`tests.felix.kernel`)

Pure: no I/O and no test framework, so that benchmarks and the demo's record use it too. `test_recordings` holds it
against what real releases wrote; `resources` makes a description of Calico's resources.
"""

from tests.felix.description import (
    Action,
    Endpoint,
    HostEndpoint,
    Node,
    PacketRate,
    Policy,
    PolicyRule,
    Profile,
    allow,
    deny,
    kubernetes_profiles,
    log,
    pass_on,
)
from tests.felix.eras import Era, Marks
from tests.felix.ruleset import Ruleset, render
from tests.felix.update import update

__all__ = [
    "Action",
    "Endpoint",
    "Era",
    "HostEndpoint",
    "Marks",
    "Node",
    "PacketRate",
    "Policy",
    "PolicyRule",
    "Profile",
    "Ruleset",
    "allow",
    "deny",
    "kubernetes_profiles",
    "log",
    "pass_on",
    "render",
    "update",
]
