/**
 * Stands in for a Matrix client: hosts one widget with the client half of matrix-widget-api and
 * writes down every call. Frame flags are those of Element Web 1.12.
 * Usage: host.html?w=<template address of the widget>; `window.host` has what tests look at.
 */
import { ClientWidgetApi, OpenIDRequestState, Widget, WidgetDriver } from "matrix-widget-api";

const ROOM = "!case";
/** @type {any} */
const host = { calls: [], timeline: window.hostTimeline ?? [], isSilent: false, refuses: false };
window.host = host;

/** @param {string} capability @returns {boolean} whether the person has not allowed it */
function isDenied(capability) {
    return (window.hostDenied ?? []).some((/** @type {string} */ end) => capability.endsWith(end));
}

class Driver extends WidgetDriver {
    /** @param {Set<string>} requested */
    async validateCapabilities(requested) {
        host.calls.push(["capabilities", ...requested]);
        return new Set([...requested].filter((one) => !isDenied(one)));
    }
    /** @param {string} type @param {unknown} content */
    async sendEvent(type, content) {
        if (host.refuses) throw new Error("M_FORBIDDEN");
        host.calls.push(["send", type, content]);
        return { roomId: ROOM, eventId: `$sent${host.calls.length}` };
    }
    /** @param {any} observer */
    askOpenID(observer) {
        host.calls.push(["openid"]);
        observer.update({ state: OpenIDRequestState.Blocked });
    }
    async readRoomTimeline() {
        return host.timeline.toReversed(); // the newest first, as clients do
    }
    /** @param {string} uri */
    async downloadFile(uri) {
        host.calls.push(["download", uri]);
        const held = window.hostFiles?.[uri];
        if (!held) throw new Error("M_NOT_FOUND");
        return { file: new Blob([new Uint8Array(held)]) };
    }
    async readRoomState() {
        return [];
    }
    getKnownRooms() {
        return [ROOM];
    }
}

const query = new URLSearchParams(location.search);
const widget = new Widget({
    id: "w1",
    creatorUserId: "@veche_bot:localhost",
    type: "m.custom",
    url: query.get("w") ?? "",
    waitForIframeLoad: true,
});
const frame = document.createElement("iframe");
frame.title = "The widget";
frame.sandbox.value =
    "allow-forms allow-popups allow-popups-to-escape-sandbox allow-same-origin allow-scripts " +
    "allow-presentation allow-downloads";
frame.allow =
    "microphone; camera; encrypted-media; autoplay; display-capture; clipboard-write; " +
    "clipboard-read;";
document.body.append(frame);
const address = new URL(
    widget.getCompleteUrl({
        widgetRoomId: ROOM,
        currentUserId: "@alice:localhost",
        clientTheme: query.get("theme") ?? "light",
        clientLanguage: query.get("lang") ?? "en",
    }),
);
address.searchParams.set("widgetId", widget.id);
address.searchParams.set("parentUrl", location.origin + location.pathname);
if (!query.has("silent")) {
    const api = new ClientWidgetApi(widget, frame, new Driver());
    api.setViewedRoomId(ROOM); // else read_events fails with the deprecated path
    api.on("ready", () => host.calls.push(["ready"]));
    host.api = api;
}
frame.src = address.href;
