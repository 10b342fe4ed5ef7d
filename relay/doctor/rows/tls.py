"""The certificate terminals see, and the authorities of terminals."""

from __future__ import annotations

from relay.doctor.finding import About, FindingGravity, FindingRow
from relay.doctor.rows.advice import MEND_FILE

_OK, _WARNING, _GRAVE = FindingGravity.OK, FindingGravity.WARNING, FindingGravity.GRAVE
_NEW_CERTIFICATE = (
    "换上新证书；中继每 2 秒查看一次文件，无须重启",
    "put a new certificate in its place; the relay looks at the files every 2 s and needs no restart",
)

TLS_OFF = FindingRow(
    "tls_off",
    _WARNING,
    ("未启用 TLS，只能在本机试用", "TLS is off: for trying out on this machine only"),
    ("设置 listen.tls_certificate 与 listen.tls_key", "set listen.tls_certificate and listen.tls_key"),
)
CERTIFICATE_FITS = FindingRow(
    "certificate_fits",
    _OK,
    (
        "证书与密钥相符，有效期至 {until}，还有 {days} 天",
        "certificate and key belong together; valid until {until}, {days} days",
    ),
)
CERTIFICATE_UNUSABLE = FindingRow(
    "certificate_unusable",
    _GRAVE,
    (
        "证书或密钥不可用，listen.tls_certificate, listen.tls_key: {why}",
        "unusable certificate or key, listen.tls_certificate, listen.tls_key: {why}",
    ),
    MEND_FILE,
    About.SETTINGS,
)
KEY_OF_ANOTHER = FindingRow(
    "key_of_another",
    _GRAVE,
    (
        "密钥与证书不相符，listen.tls_certificate, listen.tls_key: {why}",
        "the key is another certificate's, listen.tls_certificate, listen.tls_key: {why}",
    ),
    (
        "用 openssl x509 -noout -pubkey 与 openssl pkey -pubout 比较，把同一次签发的两个文件放在一起",
        "compare with openssl x509 -noout -pubkey and openssl pkey -pubout; put the two files of one issue together",
    ),
    About.SETTINGS,
)
CERTIFICATE_EXPIRED = FindingRow(
    "certificate_expired",
    _GRAVE,
    (
        "证书 {file} 已于 {until} 过期：校验证书的终端都连不上",
        "certificate {file} expired at {until}: no terminal that checks it can connect",
    ),
    _NEW_CERTIFICATE,
    served_anyway=True,
)
CERTIFICATE_NOT_YET = FindingRow(
    "certificate_not_yet",
    _GRAVE,
    (
        "证书 {file} 自 {begins} 起才有效：校验证书的终端都连不上",
        "certificate {file} is not valid before {begins}: no terminal that checks it can connect",
    ),
    ("核对本机时钟；或换上已生效的证书", "look at this machine's clock, or use a certificate that is valid now"),
    served_anyway=True,
)
CERTIFICATE_EXPIRES_SOON = FindingRow(
    "certificate_expires_soon",
    _WARNING,
    ("证书 {file} 将于 {until} 过期，还有 {days} 天", "certificate {file} expires at {until}, in {days} days"),
    _NEW_CERTIFICATE,
)
CERTIFICATE_NAMES_RIGHT = FindingRow(
    "certificate_names_right",
    _OK,
    ("证书含终端要连接的名称：{names}", "the certificate names what terminals dial: {names}"),
)
CERTIFICATE_NAMES_NOTHING = FindingRow(
    "certificate_names_nothing",
    _GRAVE,
    (
        "证书没有主体备用名称 (SAN)，终端不认通用名 (CN)",
        "the certificate has no subject alternative name; terminals do not look at its common name",
    ),
    (
        "请签发机构加上 SAN：终端要连接的域名或 IP",
        "let the authority issue one with the names or addresses terminals dial",
    ),
    served_anyway=True,
)
CERTIFICATE_NAMES_ANOTHER = FindingRow(
    "certificate_names_another",
    _WARNING,
    (
        "证书的名称是 {names}，不含终端要连接的 {dialed}",
        "the certificate names {names}, and not {dialed}, which terminals dial",
    ),
    (
        "换证书；或在 listen.names 写明终端实际连接的名称，或让终端用 --server-name",
        "use another certificate, or put what terminals dial into listen.names, or let terminals use --server-name",
    ),
)
CERTIFICATE_NAMES_UNKNOWN = FindingRow(
    "certificate_names_unknown",
    _WARNING,
    (
        "证书的名称是 {names}，其中没有本机的名称或地址；终端连接哪个名称，中继不知道",
        "the certificate names {names}: no name or address of this machine; the relay does not know what terminals dial",
    ),
    ("在 listen.names 写明终端连接的名称", "put the names terminals dial into listen.names"),
)
CHAIN_COMPLETE = FindingRow(
    "chain_complete", _OK, ("证书链完整：{chain}", "the certificate chain is complete: {chain}")
)
CHAIN_BROKEN = FindingRow(
    "chain_broken",
    _WARNING,
    (
        "证书链次序有误或缺一张：{below} 不是由其后的 {above} 签发",
        "the certificate chain has a gap or another order: {below} was not issued by {above}, which follows it",
    ),
    (
        "文件内依次放：本证书，签发它的中间证书，直到根证书之前",
        "put into the file, one after another: the certificate, the intermediate that issued it, up to the one below the root",
    ),
)
CHAIN_INCOMPLETE = FindingRow(
    "chain_incomplete",
    _WARNING,
    (
        "证书链止于 {last}，其签发者 {issuer} 不在文件中，也不是本机信任的根证书",
        "the certificate chain ends with {last}; its issuer {issuer} is neither in the file nor a root this machine trusts",
    ),
    ("把签发者的中间证书接在文件末尾", "append the issuer's intermediate certificate to the file"),
)
CHAIN_OF_OWN_AUTHORITY = FindingRow(
    "chain_of_own_authority",
    _OK,
    (
        "证书由自有机构 {issuer} 签发：终端须以 --ca-file 信任它",
        "the certificate is of an authority of one's own, {issuer}: terminals need it as --ca-file",
    ),
)
CLIENT_CA_RIGHT = FindingRow(
    "client_ca_right",
    _OK,
    (
        "终端证书由 {count} 个机构签发，最早到期 {until}",
        "terminals' certificates are of {count} authorities; the first expires at {until}",
    ),
)
CLIENT_CA_UNUSABLE = FindingRow(
    "client_ca_unusable",
    _GRAVE,
    ("终端证书的机构文件不可用，listen.client_ca: {why}", "unusable authorities of terminals, listen.client_ca: {why}"),
    (
        "放入签发终端证书的机构证书 (PEM)",
        "put the certificates (PEM) of the authorities that issue terminals' certificates there",
    ),
    About.SETTINGS,
)
CLIENT_CA_EXPIRED = FindingRow(
    "client_ca_expired",
    _GRAVE,
    (
        "机构 {name} 的证书已于 {until} 过期：它签发的终端证书不再被接受",
        "the authority {name} expired at {until}: no certificate it issued is taken any more",
    ),
    ("在 listen.client_ca 换上新的机构证书", "put the authority's new certificate into listen.client_ca"),
    served_anyway=True,
)
ADMIN_CERTIFICATE_UNUSABLE = FindingRow(
    "admin_certificate_unusable",
    _GRAVE,
    ("管理接口的证书不可用，[admin]: {why}", "unusable certificate of the admin API, [admin]: {why}"),
    MEND_FILE,
    About.SETTINGS,
)
CERTIFICATES_NOT_ASKED = FindingRow(
    "certificates_not_asked",
    _WARNING,
    (
        "已为 {app_ids} 登记证书，但 listen.client_certificates 为 off，不作检查",
        "certificates are registered for {app_ids}, but listen.client_certificates is off, so none is asked for",
    ),
    ("设 listen.client_certificates 为 optional 或 required", "set listen.client_certificates to optional or required"),
)
CERTIFICATES_NOT_REGISTERED = FindingRow(
    "certificates_not_registered",
    _WARNING,
    (
        "终端 {app_ids} 未登记证书，而 listen.client_certificates 为 required：它们都会被拒绝",
        "no certificate is registered for {app_ids}, and listen.client_certificates is required: they are refused",
    ),
    ("ctp-relay terminal certificate APP_ID --add …", "ctp-relay terminal certificate APP_ID --add …"),
)
