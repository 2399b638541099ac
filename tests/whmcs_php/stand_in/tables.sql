-- WHMCS's tables as far as whmeter's module reads or writes them; names of columns are WHMCS's. What is ours, because WHMCS's own
-- is not published, begins with stand_in.

CREATE TABLE tblconfiguration (setting VARCHAR(64) NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE tblservers (
    id INT AUTO_INCREMENT PRIMARY KEY, name TEXT NOT NULL, hostname TEXT NOT NULL, ipaddress VARCHAR(255) NOT NULL DEFAULT '',
    type VARCHAR(64) NOT NULL, username TEXT NOT NULL DEFAULT '', password TEXT NOT NULL DEFAULT '', accesshash TEXT NOT NULL DEFAULT '',
    secure VARCHAR(8) NOT NULL DEFAULT '', port INT, active INT NOT NULL DEFAULT 1, disabled INT NOT NULL DEFAULT 0
);
CREATE TABLE tblproducts (
    id INT AUTO_INCREMENT PRIMARY KEY, gid INT NOT NULL DEFAULT 1, type VARCHAR(32) NOT NULL DEFAULT 'other', name TEXT NOT NULL,
    servertype VARCHAR(64) NOT NULL, stand_in_monthly DECIMAL(16, 2) NOT NULL DEFAULT 0,
    configoption1 TEXT, configoption2 TEXT, configoption3 TEXT, configoption4 TEXT, configoption5 TEXT, configoption6 TEXT,
    configoption7 TEXT, configoption8 TEXT, configoption9 TEXT, configoption10 TEXT, configoption11 TEXT, configoption12 TEXT,
    configoption13 TEXT, configoption14 TEXT, configoption15 TEXT, configoption16 TEXT, configoption17 TEXT, configoption18 TEXT,
    configoption19 TEXT, configoption20 TEXT, configoption21 TEXT, configoption22 TEXT, configoption23 TEXT, configoption24 TEXT
);
CREATE TABLE tblclients (
    id INT AUTO_INCREMENT PRIMARY KEY, firstname TEXT NOT NULL, lastname TEXT NOT NULL, email TEXT NOT NULL,
    language VARCHAR(32) NOT NULL DEFAULT '', currency INT NOT NULL DEFAULT 1, status VARCHAR(16) NOT NULL DEFAULT 'Active'
);
CREATE TABLE tblorders (id INT AUTO_INCREMENT PRIMARY KEY, userid INT NOT NULL, date DATETIME NOT NULL, status VARCHAR(16) NOT NULL);
CREATE TABLE tblhosting (
    id INT AUTO_INCREMENT PRIMARY KEY, userid INT NOT NULL, orderid INT NOT NULL, packageid INT NOT NULL, server INT NOT NULL,
    regdate DATE NOT NULL, domain TEXT NOT NULL DEFAULT '', paymentmethod VARCHAR(64) NOT NULL,
    firstpaymentamount DECIMAL(16, 2) NOT NULL, amount DECIMAL(16, 2) NOT NULL, billingcycle VARCHAR(32) NOT NULL,
    nextduedate DATE NOT NULL, domainstatus VARCHAR(16) NOT NULL, username VARCHAR(255) NOT NULL DEFAULT '',
    password TEXT NOT NULL DEFAULT '', suspendreason TEXT NOT NULL DEFAULT '', qty INT NOT NULL DEFAULT 1,
    diskusage INT NOT NULL DEFAULT 0, disklimit INT NOT NULL DEFAULT 0, bwusage INT NOT NULL DEFAULT 0,
    bwlimit INT NOT NULL DEFAULT 0, lastupdate DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00', KEY (username), KEY (server)
) AUTO_INCREMENT = 7731 COLLATE utf8mb4_unicode_ci;
CREATE TABLE tblhostingaddons (
    id INT AUTO_INCREMENT PRIMARY KEY, orderid INT NOT NULL, hostingid INT NOT NULL, addonid INT NOT NULL, userid INT NOT NULL,
    server INT NOT NULL, name TEXT NOT NULL, billingcycle VARCHAR(32) NOT NULL, regdate DATE NOT NULL, status VARCHAR(16) NOT NULL
);
CREATE TABLE tbladdons (id INT AUTO_INCREMENT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE tblcustomfields (id INT AUTO_INCREMENT PRIMARY KEY, type VARCHAR(16) NOT NULL, relid INT NOT NULL, fieldname TEXT NOT NULL);
CREATE TABLE tblcustomfieldsvalues (id INT AUTO_INCREMENT PRIMARY KEY, fieldid INT NOT NULL, relid INT NOT NULL, value TEXT NOT NULL);
CREATE TABLE tblproductconfigoptions (id INT AUTO_INCREMENT PRIMARY KEY, gid INT NOT NULL, optionname TEXT NOT NULL, optiontype VARCHAR(4) NOT NULL);
CREATE TABLE tblproductconfigoptionssub (id INT AUTO_INCREMENT PRIMARY KEY, configid INT NOT NULL, optionname TEXT NOT NULL);
CREATE TABLE tblhostingconfigoptions (
    id INT AUTO_INCREMENT PRIMARY KEY, relid INT NOT NULL, configid INT NOT NULL, optionid INT NOT NULL, qty INT NOT NULL
);
CREATE TABLE tblbillableitems (
    id INT AUTO_INCREMENT PRIMARY KEY, userid INT NOT NULL, description TEXT NOT NULL, hours DECIMAL(5, 1) NOT NULL,
    amount DECIMAL(16, 2) NOT NULL, invoiceaction VARCHAR(16) NOT NULL, invoicecount INT NOT NULL
);
CREATE TABLE tblinvoices (
    id INT AUTO_INCREMENT PRIMARY KEY, userid INT NOT NULL, date DATE NOT NULL, duedate DATE NOT NULL, status VARCHAR(16) NOT NULL
);
CREATE TABLE tblinvoiceitems (
    id INT AUTO_INCREMENT PRIMARY KEY, invoiceid INT NOT NULL, type VARCHAR(30) NOT NULL, relid INT NOT NULL,
    description TEXT NOT NULL, amount DECIMAL(16, 2) NOT NULL
);
-- Which metrics of a product are billed, and what is included; prices stand elsewhere in WHMCS, in brackets by currency.
CREATE TABLE tblusage_items (
    id INT AUTO_INCREMENT PRIMARY KEY, rel_type VARCHAR(16) NOT NULL DEFAULT 'Product', rel_id INT NOT NULL,
    module_type VARCHAR(16) NOT NULL DEFAULT 'servers', module VARCHAR(64) NOT NULL DEFAULT 'whmeter', metric VARCHAR(64) NOT NULL,
    included DECIMAL(19, 5) NOT NULL, is_hidden INT NOT NULL DEFAULT 0, stand_in_price DECIMAL(16, 4) NOT NULL
);
CREATE TABLE stand_in_usage (
    service INT NOT NULL, metric VARCHAR(64) NOT NULL, month VARCHAR(7) NOT NULL, value DECIMAL(19, 5) NOT NULL,
    collected DATETIME NOT NULL, invoice INT, PRIMARY KEY (service, metric, month)
);
-- What modules were told to do with services: a module that was not called reached no panel.
CREATE TABLE stand_in_calls (id INT AUTO_INCREMENT PRIMARY KEY, service INT NOT NULL, command VARCHAR(64) NOT NULL);
CREATE TABLE tbltransient_data (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(255) NOT NULL UNIQUE, data TEXT NOT NULL, expires INT NOT NULL);
CREATE TABLE tblactivitylog (id INT AUTO_INCREMENT PRIMARY KEY, date DATETIME NOT NULL, description TEXT NOT NULL, userid INT NOT NULL);
CREATE TABLE tblmodulelog (
    id INT AUTO_INCREMENT PRIMARY KEY, date DATETIME NOT NULL, module VARCHAR(64) NOT NULL, action TEXT NOT NULL, request TEXT NOT NULL,
    response TEXT NOT NULL
);
CREATE TABLE tblemailtemplates (
    id INT AUTO_INCREMENT PRIMARY KEY, type VARCHAR(16) NOT NULL, name VARCHAR(255) NOT NULL, subject TEXT NOT NULL, message TEXT NOT NULL,
    language VARCHAR(32) NOT NULL DEFAULT '', custom INT NOT NULL DEFAULT 1, disabled INT NOT NULL DEFAULT 0
);
CREATE TABLE tblemails (
    id INT AUTO_INCREMENT PRIMARY KEY, userid INT NOT NULL, subject TEXT NOT NULL, message TEXT NOT NULL, date DATETIME NOT NULL,
    failed INT NOT NULL
);
