/**
 * Hydrogen, as the web client of the demo (`./run up --web-client`). `config.json` beside this page
 * says which homeserver is meant.
 */
import { FeatureSet, Platform, RootViewModel, createNavigation, createRouter } from "hydrogen-view-sdk";
import downloadSandbox from "hydrogen-view-sdk/download-sandbox.html?url";
import worker from "hydrogen-view-sdk/main.js?url";
import legacyBundle from "@matrix-org/olm/olm_legacy.js?url";
import wasmBundle from "@matrix-org/olm/olm.js?url";
import wasm from "@matrix-org/olm/olm.wasm?url";
import "hydrogen-view-sdk/assets/theme-element-light.css";
import "./main.css";

const config = await (await fetch("./config.json")).json();
const platform = new Platform({
    container: document.getElementById("client"),
    config,
    options: { development: false },
    assetPaths: {
        downloadSandbox,
        worker,
        serviceWorker: "sw.js",
        olm: { wasm, wasmBundle, legacyBundle },
    },
});
await platform.init();
const features = await FeatureSet.load(platform.settingsStorage);
const navigation = createNavigation();
platform.setNavigation(navigation);
const urlRouter = createRouter({ navigation, history: platform.history });
urlRouter.attach();
const viewModel = new RootViewModel({ platform, urlRouter, navigation, features });
await viewModel.load();
platform.createAndMountRootView(viewModel);
