"""VeighNa's own window without a screen: the dialog is filled in, the connect button pressed, orders sent from the trading panel.

`python window.py FOLDER`, with the dialog's fields as a JSON object on standard input; pictures and Qt's drawings go into FOLDER. Says what the
tables show.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

Path(".vntrader").mkdir(exist_ok=True)  # vn.py looks for it when it is imported

from vnpy.trader.setting import SETTINGS  # noqa: E402

SETTINGS |= {"log.file": False, "log.console": False, "font.family": "Noto Sans CJK SC", "font.size": 10}

from vnpy.event import EventEngine  # noqa: E402
from vnpy.trader.engine import MainEngine  # noqa: E402

from vnpy_relay import RelayGateway  # noqa: E402

ui: Any = import_module("vnpy.trader.ui")  # with Qt, which is not where types are checked
widgets: Any = import_module("vnpy.trader.ui.widget")
svg: Any = import_module("PySide6.QtSvg")

_DEADLINE_SECONDS = 60.0
_SETTLE_SECONDS = 3.0
_WATCHED = {"IF2612": "CFFEX", "m2701": "DCE", "sc2701": "INE", "rb2701": "SHFE"}
"""what the trading panel asks ticks of; the last one is traded"""


class Window:
    """The main window, driven as a person would."""

    def __init__(self, folder: Path) -> None:
        self.app = ui.create_qapp()
        self._folder = folder
        events = EventEngine()
        self.engine = MainEngine(events)
        self.engine.add_gateway(RelayGateway)
        self.window = ui.MainWindow(self.engine, events)
        self.window.resize(1500, 900)
        self.window.show()

    def until(self, what: str, holds: Callable[[], Any]) -> None:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise RuntimeError(f"it never came to be that {what}")
            self.app.processEvents()
            time.sleep(0.02)

    def picture(self, widget: Any, name: str) -> None:
        self.app.processEvents()
        widget.grab().save(str(self._folder / f"{name}.png"))
        drawing = svg.QSvgGenerator()
        drawing.setFileName(str(self._folder / f"{name}.svg"))
        drawing.setSize(widget.size())
        drawing.setViewBox(widget.rect())
        widget.render(drawing)

    def connect(self, setting: dict[str, Any]) -> None:
        dialog = widgets.ConnectDialog(self.engine, RelayGateway.default_name)
        for name, value in setting.items():
            widget, kind = dialog.widgets[name]
            if kind is not list:
                widget.setText(str(value))
        dialog.resize(460, dialog.sizeHint().height())
        dialog.show()
        self.picture(dialog, "connect")
        dialog.connect_gateway()
        self.until("there is an account", self.engine.get_all_accounts)

    def choose(self, symbol: str, exchange: str) -> None:
        """In the trading panel on the left, which then shows its ticks."""
        panel = self.window.trading_widget
        panel.exchange_combo.setCurrentText(exchange)
        panel.symbol_line.setText(symbol)
        panel.set_vt_symbol()
        self.until(f"{symbol} ticks", lambda: self.engine.get_tick(f"{symbol}.{exchange}"))

    def order(self, price: float) -> None:
        panel = self.window.trading_widget
        panel.price_line.setText(str(price))
        panel.volume_line.setText("1")
        panel.offset_combo.setCurrentIndex(1)
        panel.send_order()

    def widen(self) -> None:
        """What 「调整列宽」 of each table's menu does; a line of the log is cut where its table ends, as a drawing has no edges."""
        for table in self.window.findChildren(widgets.BaseMonitor):
            table.resize_columns()
        (log,) = self.window.findChildren(widgets.LogMonitor)
        log.setColumnWidth(1, log.viewport().width() - log.columnWidth(0) - log.columnWidth(2))

    def run(self, setting: dict[str, Any]) -> dict[str, Any]:
        self.connect(setting)
        for symbol, exchange in _WATCHED.items():
            self.choose(symbol, exchange)
        self.order(3501.0)
        self.until("it traded", self.engine.get_all_trades)
        self.order(3400.0)
        self.until("an order rests", self.engine.get_all_active_orders)
        self.order(1.0)
        self.until("all three are shown", lambda: len(self.engine.get_all_orders()) == 3)
        settled = time.monotonic() + _SETTLE_SECONDS
        self.until("positions are shown too", lambda: time.monotonic() > settled and self.engine.get_all_positions())
        self.widen()
        self.picture(self.window, "window")
        return {
            "orders": [one.status.name for one in self.engine.get_all_orders()],
            "ticks": sorted(one.symbol for one in self.engine.get_all_ticks()),
        }


def main() -> None:
    setting = json.loads(sys.stdin.readline())
    window = Window(Path(sys.argv[1]))
    shown = window.run(setting)
    window.engine.close()
    sys.stdout.write(json.dumps(shown) + "\n")


if __name__ == "__main__":
    main()
