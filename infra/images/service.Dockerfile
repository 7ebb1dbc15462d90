# The services that need nothing but Node: gateway, dataset, publisher; and the command line for the migration step.
#   docker build -f infra/images/service.Dockerfile --build-arg SERVICE=gateway .
FROM node:24.11.1-bookworm-slim AS build
WORKDIR /anneal
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.base.json nx.json ./
COPY apps apps
COPY libs libs
COPY infra/embedded infra/embedded
COPY infra/kubernetes/package.json infra/kubernetes/package.json
COPY infra/observability/package.json infra/observability/package.json
COPY test/package.json test/package.json
RUN npm ci --no-audit --no-fund --omit=optional \
    && npx tsc -b apps/cli \
    && npm prune --omit=dev --omit=optional

FROM node:24.11.1-bookworm-slim
ARG SERVICE
ENV NODE_ENV=production SERVICE=${SERVICE} WORK_DIR=/work HTTP_HOST=0.0.0.0 HTTP_PORT=8080 \
    GRPC_HOST=0.0.0.0 GRPC_PORT=50051
WORKDIR /anneal
COPY --from=build --chown=root:root /anneal /anneal
RUN mkdir /work && chown node:node /work
USER node
VOLUME /work
EXPOSE 8080 50051
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD node -e "fetch('http://127.0.0.1:8080/health/ready').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"
CMD ["sh", "-c", "exec node apps/${SERVICE}/dist/main.js"]
