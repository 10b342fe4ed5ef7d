"""What the vendor's C interface looks like, read from the installed openctp-ctp binding.

The bottom of the house: the relay, the terminal client and the simulated counter all stand on it.

* `catalog`    the table of structs, requests, callbacks and enums (data, loaded from `generated/`)
* `introspect` builds that table from the installed binding, without any vendor header; `introspect_source` reads
               the binding's Python source for it, `naming` makes the protobuf names, `special_fields` knows
               what cannot be introspected: binary fields and secrets
* `catalog_data` reads and writes the table as JSON
* `text`       CTP's GB18030 strings
* `layout`     struct bytes <-> Python values, by table
* `messages`   struct bytes <-> protobuf messages, by table; `wire` is its fast path
* `binding`    imports openctp_ctp safely: locale first, version checked
* `locale`     finds or builds the zh_CN.GB18030 locale the binding needs
"""
