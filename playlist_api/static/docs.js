// Shows the document, and signs in by itself with the access token of any answer that holds one.
const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  responseInterceptor(response) {
    const token = response.body?.accessToken;
    if (token) ui.preauthorizeApiKey("accessToken", token);
    return response;
  },
});
