// The page that the consent page leads back to: hands the code to the docs page that opened it, and closes.
import "swagger-ui-dist/oauth2-redirect.js";
