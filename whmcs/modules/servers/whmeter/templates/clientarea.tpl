{* Shows what lib/ClientPage.php has made; everything in it is escaped already. *}
{$whmeterPage nofilter}
