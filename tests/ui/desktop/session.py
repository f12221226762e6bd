#!/usr/bin/python3
"""What a desktop offers to programs, made to be looked at: a tray and a notification server.

Speaks JSON lines. Out: {"event": "ready" | "tray" | "notification" | "answer", ...}. In, each with an "id" that comes back
in the answer: {"do": "menu"}, {"do": "icon"}, {"do": "press", "label": ...}, {"do": "click", "notification": ...},
{"do": "owned", "name": ...}.
"""
import json
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

WATCHER = "org.kde.StatusNotifierWatcher"
NOTIFICATIONS = "org.freedesktop.Notifications"
ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
PROPERTIES = "org.freedesktop.DBus.Properties"


def say(**words):
    print(json.dumps(words), flush=True)


class Watcher(dbus.service.Object):
    """The tray: programs register their icon here."""

    def __init__(self, bus):
        super().__init__(bus, "/StatusNotifierWatcher")
        self.items = []

    @dbus.service.method(WATCHER, in_signature="s", sender_keyword="sender")
    def RegisterStatusNotifierItem(self, service, sender):
        # Ayatana gives a path, KDE a bus name.
        item = (sender, service) if service.startswith("/") else (service, "/StatusNotifierItem")
        self.items.append(item)
        say(event="tray", service=item[0], path=item[1])

    @dbus.service.method(WATCHER, in_signature="s")
    def RegisterStatusNotifierHost(self, service):
        pass

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return self.GetAll(interface)[name]

    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}")
    def GetAll(self, interface):
        names = [f"{service}{path}" for service, path in self.items]
        return {
            "IsStatusNotifierHostRegistered": True,
            "ProtocolVersion": dbus.Int32(0),
            "RegisteredStatusNotifierItems": dbus.Array(names, signature="s"),
        }

    @dbus.service.signal(WATCHER, signature="s")
    def StatusNotifierItemRegistered(self, service):
        pass

    @dbus.service.signal(WATCHER)
    def StatusNotifierHostRegistered(self):
        pass


class Notifications(dbus.service.Object):
    """The notification server: shows nothing, tells everything."""

    def __init__(self, bus):
        super().__init__(bus, "/org/freedesktop/Notifications")
        self.last = 0

    @dbus.service.method(NOTIFICATIONS, in_signature="susssasa{sv}i", out_signature="u")
    def Notify(self, app, replaces, icon, summary, body, actions, hints, timeout):
        self.last += 1
        say(event="notification", number=self.last, app=app, title=summary, body=body, actions=list(actions))
        return dbus.UInt32(self.last)

    @dbus.service.method(NOTIFICATIONS, in_signature="u")
    def CloseNotification(self, number):
        pass

    @dbus.service.method(NOTIFICATIONS, out_signature="as")
    def GetCapabilities(self):
        return ["actions", "body"]

    @dbus.service.method(NOTIFICATIONS, out_signature="ssss")
    def GetServerInformation(self):
        return ("session.py", "tarsier", "1", "1.2")

    @dbus.service.signal(NOTIFICATIONS, signature="us")
    def ActionInvoked(self, number, action):
        pass

    @dbus.service.signal(NOTIFICATIONS, signature="uu")
    def NotificationClosed(self, number, reason):
        pass


class Session:
    def __init__(self):
        dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
        self.bus = dbus.SessionBus()
        self.names = [dbus.service.BusName(name, self.bus) for name in (WATCHER, NOTIFICATIONS)]
        self.watcher = Watcher(self.bus)
        self.notifications = Notifications(self.bus)
        self.loop = GLib.MainLoop()
        GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, self.on_input)

    def run(self):
        say(event="ready")
        self.loop.run()

    def on_input(self, *_):
        line = sys.stdin.readline()
        if not line:
            self.loop.quit()
            return False
        wish = json.loads(line)
        try:
            say(event="answer", id=wish["id"], value=getattr(self, "do_" + wish["do"])(wish))
        except Exception as error:  # whatever went wrong is the answer
            say(event="answer", id=wish["id"], error=f"{type(error).__name__}: {error}")
        return True

    def item(self):
        """The icon that was registered last: after a restart, the new one."""
        service, path = self.watcher.items[-1]
        return service, self.bus.get_object(service, path, introspect=False)

    def property(self, name):
        return self.item()[1].Get(ITEM, name, dbus_interface=PROPERTIES)

    def entries(self):
        service, _ = self.item()
        menu = self.bus.get_object(service, str(self.property("Menu")), introspect=False)
        _, (_, _, children) = menu.GetLayout(
            dbus.Int32(0), dbus.Int32(-1), dbus.Array([], signature="s"), dbus_interface=MENU
        )
        return menu, [(int(child[0]), child[1]) for child in children]

    def do_menu(self, _):
        _, entries = self.entries()
        return [
            {
                "label": str(properties.get("label", "")),
                "enabled": bool(properties.get("enabled", True)),
                "checked": int(properties.get("toggle-state", 0)) == 1,
            }
            for _, properties in entries
            if properties.get("type") != "separator"
        ]

    def do_icon(self, _):
        return str(self.property("IconName"))

    def do_press(self, wish):
        menu, entries = self.entries()
        number = next(number for number, properties in entries if properties.get("label") == wish["label"])
        menu.Event(dbus.Int32(number), "clicked", dbus.String("", variant_level=1), dbus.UInt32(0), dbus_interface=MENU)
        return True

    def do_owned(self, wish):
        return bool(self.bus.name_has_owner(wish["name"]))

    def do_click(self, wish):
        self.notifications.ActionInvoked(dbus.UInt32(wish["notification"]), "default")
        return True


Session().run()
