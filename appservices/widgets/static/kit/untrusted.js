/**
 * Matrix events as others write them: whoever is in a room puts into one what they like. Of another
 * type than it should have, a field is left out. Pure.
 *
 * @typedef {Record<string, any>} Content
 */

const TEXTS = new Set([
    ...["body", "displayname", "avatar_url", "event_id", "filename", "format", "formatted_body"],
    ...["membership", "mimetype", "msgtype", "name", "redacts", "rel_type", "topic", "url"],
]);
const OBJECTS = new Set([
    ...["file", "info", "m.in_reply_to", "m.mentions", "m.new_content", "m.relates_to"],
    ...["events", "m.relations", "prev_content", "thumbnail_file", "users"],
]);
/** Clocks differ. What claims to come from later would stay on top of every list. */
const AHEAD_MS_MAX = 86_400_000;

/** @param {unknown} value @returns {value is Content} */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @param {unknown} content @returns {Content} */
export function tidied(content) {
    if (!isObject(content)) return {};
    const kept = Object.entries(content).flatMap(([key, value]) => {
        if (OBJECTS.has(key)) return isObject(value) ? [[key, tidied(value)]] : [];
        return TEXTS.has(key) && typeof value !== "string" ? [] : [[key, value]];
    });
    const found = Object.fromEntries(kept);
    const relation = found["m.relates_to"];
    // The SDK takes what somebody reacts with for the name of a property.
    if (relation && (typeof relation.key !== "string" || relation.key in {})) delete relation.key;
    return found;
}

/** @param {Content} event as it came @param {number} now_ms @returns {Content} */
export function tidiedEvent(event, now_ms) {
    const at_ms = Math.max(0, Number(event.origin_server_ts) || 0);
    return {
        ...tidied(event),
        content: tidied(event.content),
        unsigned: tidied(event.unsigned),
        origin_server_ts: Math.min(at_ms, now_ms + AHEAD_MS_MAX),
    };
}
