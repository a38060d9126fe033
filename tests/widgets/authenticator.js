/**
 * Passkeys without hands: Chromium's virtual authenticator.
 *
 * @typedef {import("playwright-core").Page} Page
 */

/**
 * An authenticator of the device, whose person is always present and verified.
 * @param {Page} page
 * @param {Record<string, unknown>} [options] of CDP's VirtualAuthenticatorOptions
 * @returns {Promise<{cdp: import("playwright-core").CDPSession, id: string}>}
 */
export async function addAuthenticator(page, options = {}) {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("WebAuthn.enable");
    const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
        options: {
            protocol: "ctap2",
            transport: "internal",
            hasResidentKey: true,
            hasUserVerification: true,
            isUserVerified: true,
            automaticPresenceSimulation: true,
            ...options,
        },
    });
    return { cdp, id: authenticatorId };
}
