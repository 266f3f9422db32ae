"""Configs that OpenSSH's client takes, by the options in them; `ssh_config_rows` has those about reading."""

from __future__ import annotations

from tests.backend.box.ssh_config_rows import Row

OPTION_ROWS = (
    # --- keys ---
    Row(
        "several key files",
        "Host gpu\n  IdentityFile ~/a\n  IdentityFile ~/b\nHost *\n  IdentityFile ~/a\n  IdentityFile ~/c\n",
    ),
    Row("no key file", "Host gpu\n  IdentityFile none\n", expected={"identity_files": []}),
    Row("IdentitiesOnly", "Host gpu\n  IdentitiesOnly yes\n  IdentityFile ~/.ssh/id_gpu\n"),
    Row("a key file by tokens", "Host gpu\n  User ada\n  IdentityFile {home}/%r@%h-%p\n"),
    Row("a key file by the home token", "Host gpu\n  IdentityFile {home}/%%%n\n"),
    Row("no agent", "Host gpu\n  IdentityAgent none\n", expected={"agent": None}),
    Row(
        "an agent of its own",
        'Host gpu\n  IdentityAgent "~/agents/%n sock"\n',
        expected={"agent": "{home}/agents/gpu sock"},
    ),
    Row(
        "an agent by a variable",
        "Host gpu\n  IdentityAgent $NO_SUCH_VARIABLE\n",
        expected={"agent": None},
    ),
    Row("a missing certificate", "Host gpu\n  CertificateFile ~/none-cert.pub\n"),
    Row("PKCS#11", "Host gpu\n  PKCS11Provider /usr/lib/none.so\n"),
    Row(
        "AddKeysToAgent and UseKeychain",
        "IgnoreUnknown UseKeychain\nHost *\n  UseKeychain yes\n  AddKeysToAgent 1h\n",
    ),
    Row("unbound public keys", "Host gpu\n  PubkeyAuthentication unbound\n"),
    # --- known hosts ---
    Row(
        "known hosts by the alias",
        "Host gpu\n  HostKeyAlias GPU.example\n  UserKnownHostsFile ~/.ssh/kh.d/%k\n",
    ),
    Row(
        "known hosts by all tokens",
        "Host gpu\n  UserKnownHostsFile ~/%h-%n-%p-%r-%u-%i-%l-%L-%C-%%\n",
    ),
    Row("known hosts by the home token", "Host gpu\n  UserKnownHostsFile %d/kh\n"),
    Row("known hosts by a variable", "Host gpu\n  UserKnownHostsFile ${TABLE_FOLDER}/kh\n"),
    Row("several files of known hosts", 'Host gpu\n  UserKnownHostsFile /a "~/b c" /d\n'),
    Row(
        "no known hosts",
        "Host gpu\n  UserKnownHostsFile none\n",
        expected={"users_known_hosts": []},
    ),
    Row("the null device", "Host *\n  UserKnownHostsFile /dev/null\n  StrictHostKeyChecking no\n"),
    Row("other global files", "GlobalKnownHostsFile /etc/a /etc/b\n"),
    Row("no global file", "GlobalKnownHostsFile none\n", expected={"systems_known_hosts": []}),
    Row(
        "accept-new",
        "StrictHostKeyChecking accept-new\nHashKnownHosts yes\nCheckHostIP no\nUpdateHostKeys ask\n",
    ),
    Row(
        "ask and VisualHostKey",
        "StrictHostKeyChecking ask\nVisualHostKey yes\nVerifyHostKeyDNS yes\n",
    ),
    Row("no files, only a comment", "UserKnownHostsFile # none\nSendEnv # none\n"),
    Row("KnownHostsCommand", "KnownHostsCommand /usr/bin/true %H\n"),
    Row(
        "NoHostAuthenticationForLocalhost",
        "NoHostAuthenticationForLocalhost yes\n",
        host="localhost",
    ),
    # --- the way there ---
    Row("a jump host", "Host gpu\n  ProxyJump gate\n"),
    Row("a chain of jump hosts", "Host gpu\n  ProxyJump ada@gate:2200,inner,bob@[::1]:23\n"),
    Row("a jump host as a URI", "Host gpu\n  ProxyJump ssh://ada@gate:2200\n"),
    Row("no jump host for one", "Host gpu\n  ProxyJump none\nHost *\n  ProxyJump gate\n"),
    Row("a jump host with a comment", "Host gpu\n  ProxyJump gate # the old one\n"),
    Row("ProxyJump=", "Host gpu\n  ProxyJump=gate\n"),
    Row(
        "jump before command",
        "Host gpu\n  ProxyJump gate\n  ProxyCommand nc %h %p\n",
        expected={"proxy_command": []},
    ),
    Row(
        "command before jump",
        "Host gpu\n  ProxyCommand nc %h %p\n  ProxyJump gate\n",
        expected={"jumps": []},
    ),
    Row(
        "no command for one",
        "Host gpu\n  ProxyCommand none\nHost *\n  ProxyCommand nc %h %p\n",
        expected={"proxy_command": []},
    ),
    Row(
        "a command",
        "Host gpu\n  ProxyCommand ssh -W [%h]:%p -q gate\n",
        expected={"proxy_command": ["ssh", "-W", "[gpu]:22", "-q", "gate"]},
    ),
    Row(
        "a command in the home",
        "Host gpu\n  ProxyCommand ~/relay %h ~/x a~b\n",
        expected={"proxy_command": ["{home}/relay", "gpu", "{home}/x", "a~b"]},
    ),
    Row(
        "a command with variables",
        'Host gpu\n  ProxyCommand $TABLE_FOLDER/relay "${TABLE_FOLDER}/x" $NOT_SET %h\n',
        expected={"proxy_command": ["{home}/relay", "{home}/x", "gpu"]},
    ),
    Row(
        "a command with quotes",
        "Host gpu\n  ProxyCommand sh -c \"aws --p 'portNumber=%p' --target %h\"\n",
        expected={"proxy_command": ["sh", "-c", "aws --p 'portNumber=22' --target gpu"]},
    ),
    Row(
        "a command with exec",
        "Host gpu\n  ProxyCommand exec nc -q0 %h %p 2>/dev/null\n",
        expected={"proxy_command": ["nc", "-q0", "gpu", "22"]},
    ),
    Row(
        "a command with a variable of its own",
        "Host gpu\n  ProxyCommand TERM=dumb relay %r@%n\n",
        expected={"proxy_command": ["env", "TERM=dumb", "relay", "{user}@gpu"]},
    ),
    Row("addresses", "Host gpu\n  AddressFamily inet6\n  BindAddress ::1\n  BindInterface lo\n"),
    Row(
        "CanonicalizeHostname of an address",
        "CanonicalizeHostname yes\nCanonicalDomains lab.example\n",
        host="127.0.0.1",
    ),
    Row(
        "CanonicalizeHostname with enough dots",
        "CanonicalizeHostname yes\nCanonicalDomains lab.example\nCanonicalizeMaxDots 0\n",
        host="gpu.lab",
    ),
    Row(
        "CanonicalizeHostname behind a proxy",
        "CanonicalizeHostname yes\nCanonicalDomains a\nProxyCommand nc %h %p\n",
    ),
    # --- options that are not used here ---
    Row(
        "times",
        "ServerAliveInterval 5m\nConnectTimeout 1m30s\nForwardX11Timeout 1w\nRekeyLimit 1G 1h\n",
    ),
    Row("no timeout", "ConnectTimeout none\nServerAliveCountMax 0\n"),
    Row(
        "what is for interactive logins",
        "Host gpu\n  RemoteCommand bash -l\n  RequestTTY force\n  EscapeChar none\n",
    ),
    Row("shared connections", "ControlMaster auto\nControlPath ~/.ssh/cm-%C\nControlPersist 10m\n"),
    Row(
        "forwardings",
        "LocalForward 8080 localhost:80\nRemoteForward 90 localhost:90\nDynamicForward 1080\n",
    ),
    Row("agent and X11", "ForwardAgent $SSH_AUTH_SOCK\nForwardX11 yes\nForwardX11Trusted yes\n"),
    Row("GSSAPI", "GSSAPIAuthentication yes\nGSSAPIDelegateCredentials no\n"),
    Row(
        "unknown options that are to be passed over",
        "IgnoreUnknown Use*,Nonsense\nHost gpu\n  UseKeychain yes\n  Nonsense a\n  Port 7\n",
    ),
    Row(
        "what is sent",
        'SendEnv LANG LC_*\nSendEnv -LC_*\nSetEnv TABLE_A=1 "TABLE_B=two words"\n',
        expected={"environment": {"TABLE_A": "1", "TABLE_B": "two words"}},
    ),
    Row(
        "logs",
        "LogLevel DEBUG3\nSyslogFacility USER\nBatchMode no\nTCPKeepAlive yes\nIPQoS lowdelay throughput\n",
    ),
    Row(
        "options that were",
        "Protocol 2\nCompression yes\nKeepAlive yes\nChallengeResponseAuthentication no\n",
    ),
    # --- algorithms ---
    Row(
        "algorithms added",
        "KexAlgorithms +diffie-hellman-group14-sha1\nHostKeyAlgorithms +ssh-rsa\n"
        "PubkeyAcceptedAlgorithms +ssh-rsa\n",
    ),
    Row("algorithms taken away", "KexAlgorithms -diffie-hellman*\nCiphers -*cbc\nMACs -*sha1*\n"),
    Row(
        "algorithms put first",
        "KexAlgorithms ^curve25519-sha256\nCiphers ^aes128-ctr\nHostKeyAlgorithms ^ssh-ed25519\n",
    ),
    Row(
        "algorithms that are not known here",
        "KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256\n"
        "Ciphers chacha20-poly1305@openssh.com,aes128-ctr\n",
    ),
    Row(
        "older names",
        "PubkeyAcceptedKeyTypes +ssh-rsa\nHostbasedKeyTypes ssh-ed25519\nCASignatureAlgorithms ssh-ed25519\n",
    ),
    Row(
        "ways to log in",
        "PreferredAuthentications publickey,keyboard-interactive,password\nNumberOfPasswordPrompts 1\n",
    ),
)
