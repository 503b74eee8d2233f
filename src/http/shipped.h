/*
 * shipped - documents that are part of the program, made from docs/ (build-aux/text2c).
 */
#ifndef HTTP_SHIPPED_H
#define HTTP_SHIPPED_H

/* docs/openapi.yaml; ends with null. */
extern const char *const shipped_openapi[];

#endif
