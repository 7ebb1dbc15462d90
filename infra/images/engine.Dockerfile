# The services that run Axolotl: trainer, merger, evaluator. The same Python environment serves GPU and CPU.
#   docker build -f infra/images/engine.Dockerfile --build-arg SERVICE=trainer .
FROM node:24.11.1-bookworm AS build
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
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip && rm -rf /var/lib/apt/lists/*
ENV ANNEAL_CACHE=/opt/anneal UV_PYTHON_INSTALL_DIR=/opt/anneal/python
RUN node libs/engine/install.mjs && ln -s /opt/anneal/engine-* /opt/anneal/engine

FROM node:24.11.1-bookworm-slim
ARG SERVICE
ENV NODE_ENV=production SERVICE=${SERVICE} WORK_DIR=/work HTTP_HOST=0.0.0.0 HTTP_PORT=8080 \
    ENGINE_PYTHON=/opt/anneal/engine/bin/python NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /anneal
COPY --from=build --chown=root:root /anneal /anneal
COPY --from=build --chown=root:root /opt/anneal /opt/anneal
RUN mkdir /work && chown node:node /work
USER node
VOLUME /work
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD node -e "fetch('http://127.0.0.1:8080/health/ready').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"
CMD ["sh", "-c", "exec node apps/${SERVICE}/dist/main.js"]
