# The services that need nothing but Node (gateway, publisher, and dataset where no task of lm-eval is used), and the command line
# for the migration step. Which one it is, the command says:
#   docker build -f infra/images/service.Dockerfile -t anneal-service .
#   docker run anneal-service node apps/gateway/dist/main.js
# Beside the base there are 235 MB: 203 of packages (71 of them DuckDB), 32 of our own.
# The base is pinned by its tag. For a build that nobody can change under you, add what `docker buildx imagetools inspect`
# says behind it: node:24.11.1-bookworm-slim@sha256:... A newer base is a new tag in both Dockerfiles.
FROM node:24.11.1-bookworm-slim AS build
WORKDIR /anneal
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.base.json nx.json ./
COPY apps apps
COPY libs libs
COPY infra/embedded infra/embedded
COPY infra/kubernetes/package.json infra/kubernetes/package.json
COPY infra/observability/package.json infra/observability/package.json
COPY test/package.json test/package.json
# Optional packages are the native parts of DuckDB, and a Node that the base has already.
RUN npm ci --no-audit --no-fund \
    && npx tsc -b apps/cli \
    && npm prune --omit=dev \
    && rm -rf node_modules/node-linux-* node_modules/.bin/node

FROM node:24.11.1-bookworm-slim
ENV NODE_ENV=production WORK_DIR=/work HTTP_HOST=0.0.0.0 HTTP_PORT=8080 GRPC_HOST=0.0.0.0 GRPC_PORT=50051
WORKDIR /anneal
COPY --from=build --chown=root:root /anneal /anneal
RUN install -d -o 1000 -g 1000 /work
# The user "node", by its number: Kubernetes has to see that it is not root.
USER 1000:1000
VOLUME /work
EXPOSE 8080 50051
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health/ready').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
CMD ["node", "apps/cli/bin/anneal.js", "--help"]
