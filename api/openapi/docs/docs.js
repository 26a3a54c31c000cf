// Tags are closed at first: they are the table of contents. Nothing is asked of other hosts.
window.SwaggerUIBundle({
  dom_id: '#swagger-ui',
  url: '/openapi.json',
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: 'BaseLayout',
  deepLinking: true,
  docExpansion: 'none',
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  validatorUrl: null,
});
