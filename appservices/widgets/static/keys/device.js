/** What a person may call this device, if they call it nothing else. */
import { t } from "../kit/i18n.js";

/** @type {[RegExp, string][]} the first that is found: most browsers also name their ancestors */
const BROWSERS = [
    [/Edg/, "Edge"],
    [/OPR\//, "Opera"],
    [/YaBrowser\//, "Yandex Browser"],
    [/SamsungBrowser\//, "Samsung Internet"],
    [/Firefox\/|FxiOS\//, "Firefox"],
    [/CriOS\/|Chrome\//, "Chrome"],
    [/Safari\//, "Safari"],
];
/** @type {[RegExp, string][]} */
const SYSTEMS = [
    [/Android/, "Android"],
    [/iPhone/, "iPhone"],
    [/iPad/, "iPad"],
    [/CrOS/, "ChromeOS"],
    [/Windows/, "Windows"],
    [/Mac OS X/, "Mac"],
    [/Linux/, "Linux"],
];

/** @param {string} agent header of the browser @returns {string} "Firefox on Linux" */
export function deviceName(agent) {
    const [browser, system] = [BROWSERS, SYSTEMS].map(
        (known) => known.find(([mark]) => mark.test(agent))?.[1],
    );
    if (!browser || !system) return browser ?? system ?? t("My device");
    return t("{browser} on {system}", { browser, system });
}
