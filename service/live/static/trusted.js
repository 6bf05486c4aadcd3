// The page's one policy of trusted types: who uses it says why what it passes can be trusted.

const types = window.trustedTypes;

export const policy = types
  ? types.createPolicy("lossboard", { createHTML: (html) => html, createScriptURL: (url) => url })
  : { createHTML: (html) => html, createScriptURL: (url) => url };
