import type { FenceFeature } from '../../contract/index.ts'
import { kmh } from '../drive/vehicle.ts'

/** Fences on real places of Porto, drawn by hand. Every kind of geometry that a fence can have is among them. */
export const PORTO_FENCES: readonly FenceFeature[] = [
  {
    type: 'Feature',
    id: 'airport',
    geometry: {
      type: 'Polygon',
      coordinates: [
        [
          [-8.674, 41.2345],
          [-8.6652, 41.2335],
          [-8.6655, 41.2405],
          [-8.6735, 41.2425],
          [-8.674, 41.2345],
        ],
      ],
    },
    properties: { name: 'Airport Francisco Sá Carneiro', tags: ['airport', 'pick-up'], severity: 'info' },
  },
  {
    type: 'Feature',
    id: 'port-leixoes',
    geometry: {
      type: 'Polygon',
      coordinates: [
        [
          [-8.705, 41.178],
          [-8.6962, 41.1822],
          [-8.6944, 41.1842],
          [-8.6905, 41.1862],
          [-8.6895, 41.1882],
          [-8.6938, 41.1915],
          [-8.6985, 41.1915],
          [-8.708, 41.184],
          [-8.705, 41.178],
        ],
      ],
    },
    properties: { name: 'Port of Leixões', tags: ['port', 'customs'], severity: 'warning' },
  },
  {
    type: 'Feature',
    id: 'depot-ramalde',
    geometry: {
      type: 'Polygon',
      coordinates: [
        [
          [-8.6515, 41.1772],
          [-8.6466, 41.1737],
          [-8.6443, 41.1718],
          [-8.6452, 41.1707],
          [-8.6478, 41.1727],
          [-8.6522, 41.176],
          [-8.6515, 41.1772],
        ],
      ],
    },
    properties: { name: 'Depot Ramalde', tags: ['depot'], dwellSeconds: 60 },
  },
  {
    type: 'Feature',
    id: 'centre-zone',
    geometry: {
      type: 'Polygon',
      coordinates: [
        [
          [-8.6165, 41.1492],
          [-8.614, 41.1535],
          [-8.6065, 41.1535],
          [-8.6058, 41.148],
          [-8.6075, 41.1455],
          [-8.6165, 41.1464],
          [-8.6165, 41.1492],
        ],
        [
          [-8.6119, 41.1473],
          [-8.6098, 41.1473],
          [-8.6094, 41.1508],
          [-8.6116, 41.1508],
          [-8.6119, 41.1473],
        ],
      ],
    },
    properties: { name: 'Centre zone (Aliados exempt)', tags: ['low-emission', 'permit'], severity: 'info' },
  },
  {
    type: 'Feature',
    id: 'ribeira-old-town',
    geometry: {
      type: 'Polygon',
      coordinates: [
        [
          [-8.617, 41.1447],
          [-8.6112, 41.1445],
          [-8.6098, 41.1428],
          [-8.6085, 41.1414],
          [-8.6098, 41.1404],
          [-8.6162, 41.1402],
          [-8.6178, 41.1408],
          [-8.617, 41.1447],
        ],
      ],
    },
    properties: { name: 'Ribeira, old town', tags: ['heritage', 'low-speed'], speedLimit: 8.4 },
  },
  {
    type: 'Feature',
    id: 'parque-da-cidade',
    geometry: {
      type: 'Polygon',
      coordinates: [
        [
          [-8.6886, 41.1686],
          [-8.6808, 41.1672],
          [-8.6722, 41.1661],
          [-8.6725, 41.1695],
          [-8.6768, 41.1711],
          [-8.681, 41.1716],
          [-8.686, 41.1729],
          [-8.6884, 41.172],
          [-8.6886, 41.1686],
        ],
      ],
    },
    properties: { name: 'Parque da Cidade', tags: ['park'] },
  },
  {
    type: 'Feature',
    id: 'campanha-station',
    geometry: { type: 'Point', coordinates: [-8.5857, 41.1487] },
    properties: { name: 'Campanhã station', radius: 220, tags: ['station', 'pick-up'] },
  },
  {
    type: 'Feature',
    id: 'hospital-sao-joao',
    geometry: { type: 'Point', coordinates: [-8.6005, 41.1818] },
    properties: { name: 'Hospital São João', radius: 300, tags: ['hospital'] },
  },
  {
    type: 'Feature',
    id: 'hospital-santo-antonio',
    geometry: { type: 'Point', coordinates: [-8.6196, 41.1472] },
    properties: { name: 'Hospital Santo António', radius: 150, tags: ['hospital'] },
  },
  {
    type: 'Feature',
    id: 'customer-casa-da-musica',
    geometry: { type: 'Point', coordinates: [-8.6307, 41.1587] },
    properties: { name: 'Customer: Casa da Música', radius: 130, tags: ['customer'] },
  },
  {
    type: 'Feature',
    id: 'ring-north',
    geometry: {
      type: 'LineString',
      coordinates: [
        [-8.6397, 41.1691],
        [-8.637, 41.1707],
        [-8.633, 41.1718],
        [-8.629, 41.1726],
        [-8.625, 41.1731],
        [-8.621, 41.1736],
        [-8.6155, 41.1742],
        [-8.6133, 41.1745],
        [-8.6108, 41.1743],
        [-8.6083, 41.1735],
        [-8.6067, 41.1724],
      ],
    },
    properties: { name: 'Ring road, north', buffer: 45, tags: ['road'], speedLimit: Number(kmh(90).toFixed(1)) },
  },
  {
    type: 'Feature',
    id: 'bridge-arrabida',
    geometry: {
      type: 'LineString',
      coordinates: [
        [-8.6399, 41.1455],
        [-8.6405, 41.1481],
      ],
    },
    properties: { name: 'Arrábida bridge', buffer: 60, tags: ['bridge', 'toll'] },
  },
  {
    type: 'Feature',
    id: 'bridge-luis',
    geometry: {
      type: 'LineString',
      coordinates: [
        [-8.6096, 41.1406],
        [-8.6092, 41.1394],
      ],
    },
    properties: { name: 'Bridge Dom Luís I', buffer: 40, tags: ['bridge'] },
  },
]
