// Passkeys (WebAuthn level 3): asks the server for a challenge, the device for a signature, and sends the
// form that is on the page. Without script the page signs in by password.
(() => {
  "use strict";
  const element = (id) => document.getElementById(id);
  const show = (id, visible) => {
    const found = element(id);
    if (found) found.hidden = !visible;
  };
  const toBytes = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (character) => character.charCodeAt(0));
  };
  const toText = (buffer) => {
    if (!buffer) return null;
    let plain = "";
    for (const byte of new Uint8Array(buffer)) plain += String.fromCharCode(byte);
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };
  const withBytes = (descriptors) =>
    (descriptors || []).map((descriptor) => ({ ...descriptor, id: toBytes(descriptor.id) }));

  async function begin(form) {
    const fields = new URLSearchParams();
    for (const name of ["interaction", "form_token"]) {
      if (form.elements[name]) fields.set(name, form.elements[name].value);
    }
    const answer = await fetch(form.dataset.begin, {
      method: "POST",
      body: fields,
      credentials: "same-origin",
      headers: { accept: "application/json" },
    });
    if (!answer.ok) throw new Error("refused");
    return answer.json();
  }

  function finish(form, ceremony, credential) {
    form.elements.ceremony.value = ceremony;
    form.elements.credential.value = JSON.stringify(credential);
    form.noValidate = true;
    form.submit();
  }

  async function signIn(form) {
    const { ceremony, options } = await begin(form);
    const publicKey = {
      ...options.publicKey,
      challenge: toBytes(options.publicKey.challenge),
      allowCredentials: withBytes(options.publicKey.allowCredentials),
    };
    const found = await navigator.credentials.get({ publicKey });
    finish(form, ceremony, {
      id: found.id,
      rawId: toText(found.rawId),
      type: found.type,
      extensions: {},
      response: {
        authenticatorData: toText(found.response.authenticatorData),
        clientDataJSON: toText(found.response.clientDataJSON),
        signature: toText(found.response.signature),
        userHandle: toText(found.response.userHandle),
      },
    });
  }

  async function register(form) {
    const { ceremony, options } = await begin(form);
    const publicKey = {
      ...options.publicKey,
      challenge: toBytes(options.publicKey.challenge),
      user: { ...options.publicKey.user, id: toBytes(options.publicKey.user.id) },
      excludeCredentials: withBytes(options.publicKey.excludeCredentials),
    };
    const made = await navigator.credentials.create({ publicKey });
    finish(form, ceremony, {
      id: made.id,
      rawId: toText(made.rawId),
      type: made.type,
      extensions: {},
      response: {
        attestationObject: toText(made.response.attestationObject),
        clientDataJSON: toText(made.response.clientDataJSON),
        transports: made.response.getTransports ? made.response.getTransports() : [],
      },
    });
  }

  function offer(button, form, work) {
    if (!button || !form || !window.PublicKeyCredential) return;
    show("passkey-missing", false);
    show("passkey-or", true);
    show("register-fields", true);
    button.hidden = false;
    button.addEventListener("click", async () => {
      show("passkey-failed", false);
      button.disabled = true;
      try {
        await work(form);
      } catch {
        show("passkey-failed", true);
      }
      button.disabled = false;
    });
  }

  offer(element("passkey"), element("login-form"), signIn);
  offer(element("register"), element("register-form"), register);
})();
