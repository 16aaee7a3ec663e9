"""Settings of the node and of the Calico datastore.

Variables, their precedence and the names in a CalicoAPIConfig file are those of Calico's own clients
(`libcalico-go/lib/apiconfig/apiconfig.go`, `load.go`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from otel_calico.config import kinds, url_kinds
from otel_calico.config.option import setting


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Which node this is. Loading fills `name` and `name_source` (where the name came from, for people)."""

    name: str = setting(
        kinds.text,
        "",
        "Name of this node, as in `spec.node` of its workload endpoints.",
        automatic="content of `node.name_file`; else `HOSTNAME`, else the host name, both in lower case",
        flag="--node-name",
        env=("NODENAME",),
    )
    name_source: str = ""
    name_file: str = setting(
        kinds.path,
        "/var/lib/calico/nodename",
        "File in which calico-node leaves the node's name.",
        env=("CALICO_NODENAME_FILE",),
    )
    interface_prefix: str = setting(
        kinds.first_of_list,
        "cali",
        "Prefix of the host interfaces of workloads.",
        env=("FELIX_INTERFACEPREFIX",),
    )


@dataclass(frozen=True, slots=True)
class DatastoreSettings:
    """Where workloads and policies come from. After loading `type` is never empty; it is `file` if `file` is set."""

    type: Literal["", "etcdv3", "kubernetes", "file"] = setting(
        kinds.choice("etcdv3", "kubernetes"),
        "",
        "The Calico datastore of the cluster.",
        automatic="`etcdv3` if `etcd.endpoints` is set, else `kubernetes`",
        flag="--datastore-type",
        calico="DATASTORE_TYPE",
        calico_field="datastoreType",
    )
    file: str = setting(
        kinds.file_or_stdin,
        "",
        "Take workloads and policies from a file instead of a datastore: calicoctl or kubectl exports (YAML, JSON), or "
        "`etcdctl get --prefix` output.",
        flag="--datastore-file",
    )
    policies: Literal["auto", "always", "never"] = setting(
        kinds.choice("auto", "always", "never"),
        "auto",
        "When policies are watched: with `auto`, a kind only while this node has a chain that its rules do not name "
        "themselves; `never` needs no rights on policies, and shows such a chain by its own name.",
    )
    config_file: str = setting(
        kinds.existing_file,
        "",
        "CalicoAPIConfig file, as calicoctl reads it. With it, Calico's own variables for the datastore, `etcd` and "
        "`kubernetes` are not read.",
    )


@dataclass(frozen=True, slots=True)
class EtcdSettings:
    """How to reach etcd. TLS is given by files or inline, not both. `key` and `password` stay out of `repr`."""

    endpoints: tuple[str, ...] = setting(
        url_kinds.endpoints,
        (),
        "etcd servers, joined with commas.",
        flag="--etcd-endpoints",
        calico="ETCD_ENDPOINTS",
        calico_field="etcdEndpoints",
    )
    discovery_srv: str = setting(
        kinds.text,
        "",
        "DNS domain whose SRV records name the etcd servers, in place of `etcd.endpoints`.",
        calico="ETCD_DISCOVERY_SRV",
        calico_field="etcdDiscoverySrv",
    )
    username: str = setting(
        kinds.verbatim,
        "",
        "etcd user; used only together with a password.",
        calico="ETCD_USERNAME",
        calico_field="etcdUsername",
    )
    password: str = setting(
        kinds.verbatim,
        "",
        "Password of the etcd user.",
        calico="ETCD_PASSWORD",
        calico_field="etcdPassword",
        secret=True,
    )
    ca_cert_file: str = setting(
        kinds.existing_file,
        "",
        "PEM file of the authorities that sign etcd's certificate.",
        calico="ETCD_CA_CERT_FILE",
        calico_field="etcdCACertFile",
    )
    cert_file: str = setting(
        kinds.existing_file,
        "",
        "PEM file of the client certificate.",
        calico="ETCD_CERT_FILE",
        calico_field="etcdCertFile",
    )
    key_file: str = setting(
        kinds.existing_file,
        "",
        "PEM file of the client certificate's key.",
        calico="ETCD_KEY_FILE",
        calico_field="etcdKeyFile",
    )
    ca_cert: str = setting(
        kinds.pem, "", "Content of `etcd.ca_cert_file`, in place of the file.", calico_field="etcdCACert"
    )
    cert: str = setting(kinds.pem, "", "Content of `etcd.cert_file`, in place of the file.", calico_field="etcdCert")
    key: str = setting(
        kinds.pem, "", "Content of `etcd.key_file`, in place of the file.", calico_field="etcdKey", secret=True
    )


@dataclass(frozen=True, slots=True)
class KubernetesSettings:
    """How to reach the Kubernetes API server. Fields override those of the kubeconfig. Secrets stay out of `repr`.

    Loading fills `looked_for`: files that were or would have been read for credentials, for people.
    """

    kubeconfig: str = setting(
        kinds.path,
        "",
        "kubeconfig file, or several joined with colons.",
        automatic="`$HOME/.kube/config` if there is one and no `kubernetes.api_endpoint`, else the pod's own account",
        flag="--kubeconfig",
        calico="KUBECONFIG",
        calico_field="kubeconfig",
    )
    kubeconfig_inline: str = setting(
        kinds.verbatim,
        "",
        "Content of a kubeconfig file, in place of the file.",
        calico_field="kubeconfigInline",
        secret=True,
    )
    current_context: str = setting(
        kinds.text,
        "",
        "kubeconfig context to use.",
        calico="K8S_CURRENT_CONTEXT",
        calico_field="k8sCurrentContext",
    )
    api_endpoint: str = setting(
        url_kinds.url,
        "",
        "URL of the API server.",
        automatic="that of the kubeconfig, else the one Kubernetes names to each pod",
        calico="K8S_API_ENDPOINT",
        calico_field="k8sAPIEndpoint",
    )
    api_token: str = setting(
        kinds.verbatim,
        "",
        "Bearer token for the API server.",
        env=("CALICO_K8SAPITOKEN",),
        calico_field="k8sAPIToken",
        secret=True,
    )
    token_file: str = setting(
        kinds.existing_file,
        "",
        "File of the bearer token, read anew every minute.",
        automatic="that of the pod's service account, if nothing else says who we are",
    )
    ca_file: str = setting(
        kinds.existing_file,
        "",
        "PEM file of the authorities that sign the API server's certificate.",
        automatic="that of the kubeconfig or of the pod's service account, else the system's authorities",
        calico="K8S_CA_FILE",
        calico_field="k8sCAFile",
    )
    cert_file: str = setting(
        kinds.existing_file,
        "",
        "PEM file of the client certificate.",
        calico="K8S_CERT_FILE",
        calico_field="k8sCertFile",
    )
    key_file: str = setting(
        kinds.existing_file,
        "",
        "PEM file of the client certificate's key.",
        calico="K8S_KEY_FILE",
        calico_field="k8sKeyFile",
    )
    insecure_skip_tls_verify: bool = setting(
        kinds.boolean,
        default=False,
        doc="Do not verify the API server's certificate.",
        calico="K8S_INSECURE_SKIP_TLS_VERIFY",
        calico_field="k8sInsecureSkipTLSVerify",
    )
    looked_for: tuple[str, ...] = ()
    client_qps: float = setting(
        kinds.number,
        5.0,
        "Requests a second to the API server.",
        calico="K8S_CLIENT_QPS",
        calico_field="k8sClientQPS",
    )
    client_burst: int = setting(
        kinds.whole(1),
        100,
        "Requests to the API server that may come at once.",
        calico="K8S_CLIENT_BURST",
        calico_field="k8sClientBurst",
    )
    api_group: Literal["", "projectcalico.org/v3", "crd.projectcalico.org/v1"] = setting(
        kinds.choice("projectcalico.org/v3", "crd.projectcalico.org/v1"),
        "",
        "API group of Calico's resources.",
        automatic="the group the API server offers",
        calico="CALICO_API_GROUP",
        calico_field="calicoAPIGroup",
    )

    @property
    def names_a_server(self) -> bool:
        """Whether anything says where the API server is."""
        return bool(self.kubeconfig or self.kubeconfig_inline or self.api_endpoint)
